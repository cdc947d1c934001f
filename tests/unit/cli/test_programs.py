"""The processes of `rps up`: commands, environment and generated files."""

import shlex
from configparser import RawConfigParser
from pathlib import Path

import pytest

from rps_cli.up.layout import Layout, UpError, create_folders, plan_layout
from rps_cli.up.programs import (
    API,
    MARKER,
    MLFLOW,
    PREPARE,
    child_environment,
    plan_programs,
    render_supervisord,
    render_workspace,
)
from rps_core import NO_TELEMETRY
from rps_core.errors import SettingsError
from rps_core.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_path=tmp_path / "data", api_port=8181)


@pytest.fixture
def layout(settings: Settings, tmp_path: Path) -> Layout:
    return plan_layout(settings.storage, {"DAGSTER_HOME": str(tmp_path / "home")})


def test_only_the_api_starts_with_supervisord(settings: Settings, layout: Layout) -> None:
    assert [program.name for program in plan_programs(settings.services, layout) if program.starts_first] == [API]


def test_only_the_preparation_is_not_restarted(settings: Settings, layout: Layout) -> None:
    assert [program.name for program in plan_programs(settings.services, layout) if not program.keep] == [PREPARE]


def test_an_external_mlflow_replaces_the_embedded_one(tmp_path: Path) -> None:
    elsewhere = load_settings(data_path=tmp_path, mlflow_tracking_uri_override="https://mlflow.example")
    layout = plan_layout(elsewhere.storage, {})
    assert MLFLOW not in [program.name for program in plan_programs(elsewhere.services, layout)]
    assert (
        child_environment(elsewhere.services, elsewhere.training, layout, {})["MLFLOW_TRACKING_URI"]
        == "https://mlflow.example"
    )


def test_the_children_get_absolute_paths_the_mark_and_no_telemetry(settings: Settings, layout: Layout) -> None:
    environment = child_environment(
        settings.services, settings.training, layout, {"DATA_PATH": "data", "DAGSTER_HOME": "x", "OTHER": "kept"}
    )
    assert environment["DATA_PATH"] == environment[MARKER] == str(layout.data)
    assert environment["DAGSTER_HOME"] == str(layout.dagster_home)
    assert environment["OTHER"] == "kept"
    assert environment.items() >= NO_TELEMETRY.items()


@pytest.mark.parametrize(("host", "reached"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])  # noqa: S104
def test_processes_get_a_reachable_address_if_they_listen_on_every_interface(
    tmp_path: Path, host: str, reached: str
) -> None:
    everywhere = load_settings(data_path=tmp_path, host=host, api_port=8181)
    layout = plan_layout(everywhere.storage, {})
    environment = child_environment(everywhere.services, everywhere.training, layout, {})
    assert environment["API_BASE"] == f"http://{reached}:8181"


@pytest.mark.parametrize("folder", ["plain", "with blank", "with 'quote'", "100%", 'a"b'])
def test_any_path_survives_the_generated_files(tmp_path: Path, folder: str) -> None:
    settings = load_settings(data_path=tmp_path / folder)
    layout = plan_layout(settings.storage, {})
    programs = plan_programs(settings.services, layout)
    config = RawConfigParser(inline_comment_prefixes=(";", "#"))
    config.read_string(render_supervisord(programs, layout))
    for program in programs:
        section = config[f"program:{program.name}"]
        assert tuple(shlex.split(section["command"].replace("%%", "%"))) == program.command
        assert section["stdout_logfile"].replace("%%", "%") == str(layout.log_file(program.name))
        assert section["killasgroup"] == "true"


@pytest.mark.parametrize("folder", ["a #b", "a ;b", "a\nb"])
def test_a_path_that_would_be_read_as_a_comment_is_refused(tmp_path: Path, folder: str) -> None:
    settings = load_settings(data_path=tmp_path / folder)
    layout = plan_layout(settings.storage, {})
    with pytest.raises(UpError, match="would read"):
        render_supervisord(plan_programs(settings.services, layout), layout)


def test_the_generated_configuration_contains_no_secrets(layout: Layout, tmp_path: Path) -> None:
    secret = load_settings(data_path=tmp_path, api_token="very-secret")
    assert "very-secret" not in render_supervisord(plan_programs(secret.services, layout), layout)


def test_the_workspace_has_the_location_name_of_the_projects_own(layout: Layout) -> None:
    project = (Path(__file__).parents[3] / "workspace.yaml").read_text()
    assert "location_name: rps_quest" in project
    assert "location_name: rps_quest" in render_workspace(layout)
    assert str(layout.code_socket) in render_workspace(layout)


def test_socket_paths_are_short_even_for_a_deep_data_folder(tmp_path: Path) -> None:
    layout = plan_layout(load_settings(data_path=tmp_path / ("deep/" * 60)).storage, {})
    assert len(str(layout.supervisord_socket)) < 100
    assert layout.sockets != plan_layout(load_settings(data_path=tmp_path).storage, {}).sockets


def test_a_relative_dagster_home_is_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="DAGSTER_HOME is 'home'"):
        plan_layout(settings.storage, {"DAGSTER_HOME": "home"})


def test_a_new_dagster_home_gets_the_instance_file_and_an_existing_file_is_kept(layout: Layout) -> None:
    create_folders(layout)
    instance = layout.dagster_home / "dagster.yaml"
    assert "granularity: run" in instance.read_text()
    instance.write_text("telemetry: {enabled: false}\n")
    create_folders(layout)
    assert instance.read_text() == "telemetry: {enabled: false}\n"
    assert layout.sockets.stat().st_mode & 0o777 == 0o700
    layout.sockets.rmdir()


def test_a_socket_folder_that_is_a_link_is_refused(layout: Layout, tmp_path: Path) -> None:
    layout.sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(UpError, match="belongs to another user"):
            create_folders(layout)
    finally:
        layout.sockets.unlink()
