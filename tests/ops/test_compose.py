"""compose.yaml: no default password, nothing open to the world, and the same instance as everywhere else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rps_core import NO_TELEMETRY
from rps_core.settings import load_settings, setting_fields, variable
from tests.ops.promql import REPOSITORY
from tests.ops.replay import instructions

COMPOSE = REPOSITORY / "compose.yaml"
DOCKER = REPOSITORY / "ops" / "docker"
SECRETS = {"POSTGRES_PASSWORD", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "RPS_API_TOKEN"}
OURS = ("api", "migrate", "games", "code", "webserver", "daemon", "mlflow")
_VARIABLE = re.compile(r"\$\{(\w+)(:[?-])?([^}]*)\}")


class Missing(Exception):
    """A variable that has no value and must have one."""


def resolved(environ: dict[str, str]) -> dict[str, Any]:
    """The file as compose reads it: variables filled in, `:?` an error, anchors merged."""

    def value(found: re.Match[str]) -> str:
        name, rule, text = found.groups()
        if environ.get(name):
            return environ[name]
        if rule == ":?":
            raise Missing(f"{name}: {text}")
        return text if rule == ":-" else ""

    uncommented = re.sub(r"^\s*#.*$", "", COMPOSE.read_text(), flags=re.MULTILINE)
    return dict(yaml.safe_load(_VARIABLE.sub(value, uncommented)))


FILLED = {name: f"{name.lower()}-value" for name in SECRETS}


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(resolved(FILLED)["services"])


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_without_a_secret_compose_says_which_one_is_missing(name: str) -> None:
    with pytest.raises(Missing, match=f"{name}: write {name} into .env"):
        resolved({key: value for key, value in FILLED.items() if key != name})


def test_no_secret_has_a_default_and_none_is_an_argument(services: dict[str, Any]) -> None:
    for name, rule, _ in _VARIABLE.findall(COMPOSE.read_text()):
        assert rule == (":?" if name in SECRETS else ":-"), name
    for name, service in services.items():
        spoken = str(service.get("command")) + str(service.get("entrypoint")) + str(service.get("healthcheck"))
        assert not any(value in spoken for value in FILLED.values()), name


def test_only_what_is_for_people_has_a_port_and_only_on_this_machine(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(ports) == {"api", "webserver", "mlflow"}
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)
    assert resolved(FILLED)["networks"]["inside"] == {"internal": True}
    outside = {name for name, service in services.items() if "outside" in service["networks"]}
    assert outside == set(ports)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_a_read_only_root_and_no_capabilities(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp:mode=1777" in service["tmpfs"]  # noqa: S108  # a mount, not a file
    assert "user" not in service
    dockerfile = REPOSITORY / service["build"]["dockerfile"]
    assert dockerfile.exists()
    assert any(step.name == "USER" for step in instructions(dockerfile))


def test_every_reference_inside_the_file_leads_somewhere(services: dict[str, Any]) -> None:
    whole = resolved(FILLED)
    for name, service in services.items():
        assert set(service["networks"]) <= set(whole["networks"]), name
        for other, how in service.get("depends_on", {}).items():
            needs_check = how["condition"] == "service_healthy"
            checked = other == "api" or services[other].get("healthcheck", {}).get(
                "test"
            )  # the API's image has a check
            assert not needs_check or checked, f"{name} waits for {other}"
            assert how["condition"] != "service_completed_successfully" or services[other]["restart"] == "no"
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (REPOSITORY / source).exists() if source.startswith("./") else source in whole["volumes"], mount


def test_no_start_leaves_an_anonymous_volume_behind(services: dict[str, Any]) -> None:
    """Images declare their data folder as a volume, and compose creates one wherever nothing is mounted."""
    for name, service in services.items():
        declared = "/var/lib/postgresql/data" if name == "postgres" else "/data"
        mounts = [mount.split(":")[1] for mount in service.get("volumes", ())]
        assert declared in (*mounts, *(one.split(":")[0] for one in service.get("tmpfs", ()))), name


def test_whatever_stays_up_is_checked_and_stores_have_time_to_stop(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if service["restart"] != "no" and name != "api":  # the check of its image
            assert service["healthcheck"]["test"], name
    assert services["postgres"]["stop_grace_period"] == services["code"]["stop_grace_period"] == "60s"
    assert "dagster" not in services["code"]["healthcheck"]["test"]


def test_the_quick_start_plays_enough_games_to_train(services: dict[str, Any]) -> None:
    command = services["games"]["command"]
    # A game makes almost two examples.
    assert int(command[-1]) * 1.8 > load_settings().training.min_total_examples
    assert "--missing" in command


@pytest.mark.parametrize("name", ["api", "code"])
def test_the_variables_are_settings_and_the_stores_are_the_containers(services: dict[str, Any], name: str) -> None:
    given = services[name]["environment"]
    known = {variable(field) for _, _, field in setting_fields()}
    others = {
        "AWS_DEFAULT_REGION",
        "DAGSTER_HOME",
        "JAX_COMPILATION_CACHE_DIR",
        "POSTGRES_PASSWORD",
    } | NO_TELEMETRY.keys()
    assert set(given) <= known | others
    settings = load_settings(
        **{field: given[variable(info)] for _, field, info in setting_fields() if variable(info) in given}
    )
    assert settings.storage.database_url == "postgresql+psycopg://rps:postgres_password-value@postgres:5432/rps"
    assert settings.storage.cache_url == "s3://mlflow-artifacts"
    assert settings.storage.minio_endpoint == "http://minio:9000"


def test_only_the_api_is_kept_from_mlflow() -> None:
    given = resolved(FILLED)["services"]
    assert "MLFLOW_TRACKING_URI" not in given["api"]["environment"]
    assert given["code"]["environment"]["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"


def test_a_newer_version_brings_every_database_up_before_it_is_used(services: dict[str, Any]) -> None:
    assert services["migrate"]["command"] == ["rps", "migrate"]
    assert "dagster instance migrate\nexec " in services["code"]["command"][-1]
    # Compose itself would fill in a variable with one dollar.
    assert services["mlflow"]["command"][-1].startswith(
        'mlflow db upgrade "$$MLFLOW_BACKEND_STORE_URI"\nexec mlflow server '
    )


@pytest.mark.parametrize("name", ["api", "code"])
def test_calls_lead_to_dagsters_container_and_links_to_where_browsers_reach_it(
    services: dict[str, Any], name: str
) -> None:
    given = services[name]["environment"]
    assert given["RPS_DAGSTER_URL"] == "http://webserver:3000"
    for link, service in (("RPS_DAGSTER_PUBLIC_URL", "webserver"), ("RPS_MLFLOW_PUBLIC_URL", "mlflow")):
        (published,) = services[service]["ports"]
        assert given[link] == f"http://{published.rpartition(':')[0]}"


def test_dagsters_instance_is_ours_but_for_where_it_keeps_things() -> None:
    ours = yaml.safe_load((REPOSITORY / "dagster_home" / "dagster.yaml").read_text())
    composed = yaml.safe_load((DOCKER / "dagster.yaml").read_text())
    kept = {key: composed.pop(key) for key in ("storage", "local_artifact_storage", "compute_logs")}
    ours.pop("storage")
    assert composed == ours
    assert kept["storage"]["postgres"]["postgres_db"]["password"] == {"env": "POSTGRES_PASSWORD"}


def test_dagster_itself_takes_the_instance_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.instance.ref import InstanceRef

    monkeypatch.setenv("POSTGRES_PASSWORD", "any")
    (tmp_path / "dagster.yaml").write_text((DOCKER / "dagster.yaml").read_text())
    ref = InstanceRef.from_dir(str(tmp_path))
    assert ref.run_storage_data is not None
    assert ref.run_storage_data.module_name == "dagster_postgres"
    assert "postgresql+psycopg2" in ref.run_storage_data.config_yaml


def test_page_and_daemon_look_for_the_code_where_it_answers(services: dict[str, Any]) -> None:
    (location,) = yaml.safe_load((DOCKER / "workspace.yaml").read_text())["load_from"]
    command = services[location["grpc_server"]["host"]]["command"][-1]
    assert f"--port {location['grpc_server']['port']} " in command
    assert f"--location-name {location['grpc_server']['location_name']}\n" in command


def test_the_code_starts_as_in_its_image_after_the_runs_it_left_behind_are_ended(services: dict[str, Any]) -> None:
    by_itself = next(step.text for step in reversed(instructions(DOCKER / "assets.Dockerfile")) if step.name == "CMD")
    first, second, then = services["code"]["command"][-1].splitlines()
    assert first == "python -m rps_assets.automation.instance"
    assert second == "dagster instance migrate"
    assert then.split() == ["exec", *json.loads(by_itself)]
