"""The processes of `rps up`: commands, environment and generated files."""

import re
import shlex
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

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


def test_mlflow_answers_to_the_names_of_this_machine_only_if_others_may_reach_it(tmp_path: Path) -> None:
    def names(**changed: str) -> list[str]:
        changed_settings = load_settings(data_path=tmp_path, **changed)
        layout = plan_layout(changed_settings.storage, {})
        environment = child_environment(changed_settings.services, changed_settings.training, layout, {})
        return environment.get("MLFLOW_SERVER_ALLOWED_HOSTS", "").split(",")

    assert names() == [""]
    assert {f"{socket.gethostname()}:5000", "127.0.0.1:5000"} <= set(names(host="0.0.0.0"))  # noqa: S104
    assert "mlflow.example" in names(mlflow_public_url="https://mlflow.example")


def test_blank_variables_do_not_reach_the_children_and_proxies_spare_loopback(
    settings: Settings, layout: Layout
) -> None:
    given = {"OMP_NUM_THREADS": "", "MLFLOW_TRACKING_URI": " ", "HTTP_PROXY": "http://p", "NO_PROXY": "intern.example"}
    environment = child_environment(settings.services, settings.training, layout, given)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
    assert environment["HTTP_PROXY"] == "http://p"
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intern.example,localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("localhost", "127.0.0.1"),
    ],
)
def test_processes_get_a_reachable_address_if_they_listen_on_every_interface(
    tmp_path: Path, host: str, reached: str
) -> None:
    everywhere = load_settings(data_path=tmp_path, host=host, api_port=8181)
    layout = plan_layout(everywhere.storage, {})
    environment = child_environment(everywhere.services, everywhere.training, layout, {})
    assert environment["API_BASE"] == f"http://{reached}:8181"


ODD = ("plain", "with blank", "with 'quote'", "100%", 'a"b', "a ;b", "a #b?", "%(here)s", "%20 ü 🎲", "x=y,z:[1]")


@pytest.mark.parametrize("folder", ODD)
def test_supervisord_reads_every_path_as_it_is(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(data_path=tmp_path / folder)
    layout = plan_layout(settings.storage, {"DAGSTER_HOME": str(tmp_path / folder / "home")})
    create_folders(layout)
    # An installation in a folder of this name.
    monkeypatch.setattr(sys, "executable", str(tmp_path / folder / "python"))
    programs = plan_programs(settings.services, layout)
    layout.supervisord_config.write_text(render_supervisord(programs, layout))
    options = ServerOptions()
    options.realize(["-c", str(layout.supervisord_config)])
    read = {program.name: program for program in options.process_group_configs[0].process_configs}
    for program in programs:
        assert tuple(shlex.split(read[program.name].command)) == program.command
        assert Path(read[program.name].stdout_logfile).resolve() == layout.log_file(program.name)
        assert read[program.name].killasgroup
    assert layout.plain_dagster_home.samefile(layout.dagster_home)
    assert layout.plain_mlflow.samefile(layout.mlflow)
    assert re.search("[^ -~]|[?#% ;'\"]", f"{layout.plain_dagster_home}{layout.plain_mlflow}") is None
    shutil.rmtree(layout.sockets)


def test_a_path_with_a_line_break_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(data_path=tmp_path)
    layout = plan_layout(settings.storage, {})
    monkeypatch.setattr(sys, "executable", "/a\nb/python")
    with pytest.raises(UpError, match="contains a control character"):
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


@pytest.mark.parametrize("name", ["long" * 40, "what?", "ü"])
def test_sockets_avoid_a_folder_for_temporary_files_that_they_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    layout = plan_layout(load_settings(data_path=tmp_path).storage, {})
    assert layout.sockets.parent == Path("/tmp")  # noqa: S108


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
