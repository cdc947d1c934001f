"""The operators' commands against a running product: real API, MLflow and models, without Dagster."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from rps_cli.operations.snapshot import MLFLOW_DATABASE
from rps_core.api_client import ApiClient
from rps_core.settings import load_settings
from rps_core.store import open_engine
from tests.operations.runbook import GUIDE, lines_of
from tests.operations.stores import NEWEST
from tests.operations.world import Product, run

pytestmark = [pytest.mark.integration, pytest.mark.in_order]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    started = Product(tmp_path_factory.mktemp("product"))
    try:
        yield started.start_filled()
    finally:
        started.kill()


def played_rounds(product: Product) -> int:
    text = httpx.get(f"{product.server.url}/metrics").text
    return sum(
        int(float(line.split()[-1]))
        for line in text.splitlines()
        if line.startswith("rps_action_") and "total{" in line
    )


def test_a_sound_product_passes_the_smoke_test_and_no_counter_moves(product: Product) -> None:
    before = played_rounds(product)
    done = product.run("verify", "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 0, done.stdout
    assert {finding["verdict"] for finding in report["findings"]} == {"ok"}
    assert len(report["findings"]) == 9
    assert played_rounds(product) == before


def test_the_table_lists_every_check(product: Product) -> None:
    done = product.run("verify", "--url", product.server.url)
    assert "ok       12 aliases in the registry" in done.stdout
    assert done.stdout.endswith("everything is as it should be\n")


def test_a_wrong_token_fails_only_the_ledger_and_names_the_setting(product: Product) -> None:
    done = run({**product.environment, "RPS_API_TOKEN": "another"}, "verify", "--api-only")
    assert done.exit_code == 1
    assert "failed   promotion ledger" in done.stdout
    assert "set RPS_API_TOKEN to the token of the API" in done.stdout
    assert "1 of 6 failed" in done.stdout


def test_an_api_that_is_down_fails_with_a_sentence(product: Product) -> None:
    done = product.run("verify", "--url", "http://127.0.0.1:9", "--api-only")
    assert done.exit_code == 1
    assert "start the product with `rps up`" in done.stdout.replace("\n", " ")


def test_an_alias_moved_by_hand_is_reported_slot_by_slot(product: Product) -> None:
    assert product.mlflow is not None
    address = f"{product.mlflow.url}/api/2.0/mlflow/registered-models/alias"
    moved = {"name": "rps_bot_xgboost", "alias": "B"}
    held = httpx.get(address, params=moved).json()["model_version"]["version"]
    httpx.post(address, json=moved | {"version": "1"}).raise_for_status()
    try:
        done = product.run("verify")
    finally:
        httpx.post(address, json=moved | {"version": held}).raise_for_status()
    assert done.exit_code == 1
    assert re.search(
        r"failed   served models are the registry's +xgboost@B: the registry has version 1 .*, the API has version 2",
        done.stdout,
    )
    assert "failed   model cache mirrors the registry" in done.stdout


def test_a_damaged_run_in_the_cache_is_found(product: Product) -> None:
    model = next((product.data / "model_cache").glob("*/model/model.onnx"))
    sound = model.read_bytes()
    model.write_bytes(sound[:-1] + b"?")
    try:
        done = product.run("verify")
    finally:
        model.write_bytes(sound)
    assert done.exit_code == 1
    assert f"run {model.parents[1].name} differs from its hash" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("promote", "xgboost@B", "--dry-run"), 0, "xgboost: would move Production: 1 -> 2, B: 2 -> 1; nothing moved"),
        (("promote", "xgboost@B=999"), 2, "rps_bot_xgboost has no version 999; its slots hold Production 1, B 2, "),
        (("experiments", "promote", "xgb_c05", "B", "--dry-run"), 0, "would train xgb_c05 for version 2"),
        (("rollback", "xgboost", "--dry-run"), 1, "neither the ledger nor the versions name a version to go back to"),
    ],
)
def test_arguments_are_checked_and_dry_runs_answer_without_dagster(
    product: Product, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    done = product.run(*arguments, "--reason", "to see")
    assert (done.exit_code, said in done.output) == (exit_code, True), done.output


def test_a_validation_passes_when_every_counter_moved_by_what_was_played(product: Product) -> None:
    done = product.run("validate", "--games", "12", "--batch", "6", "--clients", "3", "--seed", "5", "--json")
    assert done.exit_code == 0, done.stdout
    report = json.loads(done.stdout)
    assert report["games"]["games"] == 12
    assert report["games"]["by_opponent"]["forrest"]["error"] == 0
    assert [finding["what"] for finding in report["findings"]][-3:] == [
        "games 1 to 6",
        "games 7 to 12",
        "counters moved by what was played",
    ]
    assert "samples moved by exactly what was played" in report["findings"][-1]["said"]


def test_a_validation_stops_at_the_first_check_that_fails(product: Product) -> None:
    done = run({**product.environment, "RPS_API_TOKEN": "another"}, "validate", "--games", "3", "--api-only", "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["findings"][-1]["what"] == "promotion ledger"
    assert report["games"]["games"] == 0


def test_served_features_equal_those_of_training(product: Product) -> None:
    before = played_rounds(product)
    done = product.run("parity", "--games", "2", "--strict", "--sleep", "0.01", "--seed", "3")
    assert done.exit_code == 0, done.output
    assert re.search(
        r"ok       features +the features of \d+ rounds equal what training builds, bit for bit", done.stdout
    )
    assert re.search(r"live action accuracy, playing +\d+\.\d%\n", done.stdout)
    assert played_rounds(product) == before


def test_a_simulation_of_one_player_against_one_bot_is_reported_as_json(product: Product) -> None:
    done = product.run(
        "simulate", "--games", "4", "--user", "cal", "--bot", "forrest", "--clients", "2", "--seed", "1", "--json"
    )
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert (report["games"], report["failed"], list(report["by_opponent"])) == (4, False, ["forrest"])
    assert report["by_opponent"]["forrest"]["fallback_rounds"] == 0
    assert "4 of 4 games" in done.stderr


def test_a_reload_needs_the_token_and_reports_the_loaded_slots(product: Product) -> None:
    assert "12 slots were loaded" in product.run("reload").stdout
    assert "4 slots were loaded" in product.run("reload", "xgboost").stdout
    refused = run({**product.environment, "RPS_API_TOKEN": "another"}, "reload")
    assert refused.exit_code == 1
    assert "set RPS_API_TOKEN" in refused.stderr
    assert product.run("reload", "trees").exit_code == 2


def test_the_doctor_passes_and_recognises_our_own_ports(product: Product) -> None:
    done = product.run("doctor", "--json")
    found = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.exit_code == 0, done.stdout
    assert found["port of the API"]["said"].startswith("the API uses ")
    assert found["MLflow"]["verdict"] == "ok"
    assert found["Dagster"]["verdict"] == "skipped"
    assert "the newest" in found["gameplay database"]["said"]


@pytest.mark.parametrize(
    ("variable", "value", "subject", "message"),
    [
        ("RPS_API_PORT", "many", "settings", "RPS_API_PORT"),
        ("RPS_HOST", "192.0.2.1", "token", "RPS_API_TOKEN is not set"),
        ("RPS_API_TOKEN", "short", "token", "fewer than 16 characters"),
        ("DAGSTER_HOME", "here", "folders", "absolute path"),
        ("RPS_DATABASE_URL", "postgresql+psycopg://127.0.0.1:9/rps", "gameplay database", "that the server runs"),
        ("API_BASE", "http://127.0.0.1:9", "API", "check that API_BASE is its address"),
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:9", "MLflow", "correct MLFLOW_TRACKING_URI"),
        ("RPS_DAGSTER_URL", "http://127.0.0.1:9", "Dagster", "check that RPS_DAGSTER_URL is its address"),
    ],
)
def test_the_doctor_reports_each_fault_and_what_to_do(
    product: Product, variable: str, value: str, subject: str, message: str
) -> None:
    environment = dict(product.environment)
    if variable == "RPS_HOST":
        del environment["RPS_API_TOKEN"]
    done = run({**environment, variable: value}, "doctor", "--json")
    failed = [finding for finding in json.loads(done.stdout)["findings"] if finding["verdict"] == "failed"]
    assert done.exit_code == 1
    assert subject in {finding["what"] for finding in failed}
    assert message in json.dumps(failed)


def test_a_port_in_use_is_reported_with_its_process(product: Product) -> None:
    done = run({**product.environment, "RPS_DAGSTER_PORT": product.environment["RPS_MLFLOW_PORT"]}, "doctor", "--json")
    failed = [finding for finding in json.loads(done.stdout)["findings"] if finding["verdict"] == "failed"]
    assert failed[0]["what"] == "port of Dagster"
    assert "is in use by process" in failed[0]["said"]
    assert "set RPS_DAGSTER_PORT" in failed[0]["todo"]


def test_a_port_of_another_folders_product_is_reported_with_that_folder(product: Product, tmp_path: Path) -> None:
    done = run({**product.environment, "DATA_PATH": str(tmp_path)}, "doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    for service in ("the API", "MLflow"):
        found = findings[f"port of {service}"]
        assert found["verdict"] == "failed"
        assert f"is in use by {service} of the product in {product.data}, not of {tmp_path}" in found["said"]


def test_the_pages_files_are_under_the_asset_version(product: Product) -> None:
    page = httpx.get(f"{product.server.url}/").text
    assert "/static/release-7/" in page
    address = re.search(r"/static/release-7/[\w./-]+\.js", page)
    assert address is not None
    assert httpx.get(product.server.url + address[0]).is_success


# Commands of the guide that a test can run in seconds, with small numbers and the addresses and files of the test.
EXECUTED = ("doctor", "verify", "validate", "parity", "simulate", "reload", "snapshot", "migrate", "export-rounds")
SMALLER = {"--games": "2", "--batch": "2", "--sleep": "0", "--to": NEWEST}
# Mentioned without arguments; they would play for minutes.
MENTIONED = {("validate",), ("parity",), ("simulate",)}
CALLED = {tuple(line.arguments) for line in lines_of(GUIDE) if line.arguments}
DOCUMENTED = sorted(call for call in CALLED - MENTIONED if call[0] in EXECUTED)
ASKED = sorted({line.text for line in lines_of(GUIDE) if line.text.startswith("curl ")})


@pytest.mark.parametrize("documented", DOCUMENTED, ids=" ".join)
def test_a_documented_command_does_what_it_says(product: Product, documented: tuple[str, ...], tmp_path: Path) -> None:
    arguments = list(documented)
    options = dict(pairwise(arguments))
    for name in SMALLER.keys() & options.keys():
        arguments[arguments.index(name) + 1] = SMALLER[name]
    changed = [_placed(argument, product, tmp_path) for argument in arguments]
    done = product.run(*changed)
    assert done.exit_code == 0, done.output


def _placed(argument: str, product: Product, folder: Path) -> str:
    if argument.startswith("http"):
        return product.server.url
    return str(folder / Path(argument).name) if Path(argument).suffix in {".zip", ".parquet"} else argument


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide uses curl, which is not installed")
@pytest.mark.parametrize("text", ASKED)
def test_a_documented_request_is_answered(product: Product, text: str) -> None:
    asked = text.replace("http://127.0.0.1:8080", product.server.url).replace("curl -s", "curl -sf")
    done = subprocess.run(
        ["/bin/sh", "-c", asked], capture_output=True, text=True, env={**os.environ, **product.environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def contents(product: Product) -> dict[str, object]:
    """Return everything that a snapshot must preserve: rows, artifacts of MLflow, the cache."""
    engine = open_engine(load_settings(data_path=product.data).storage.database_url)
    with engine.connect() as connection:
        rows = {
            table: sorted(map(tuple, connection.exec_driver_sql(f"SELECT * FROM {table}")))  # noqa: S608
            for table in ("games", "events", "predictions", "models", "promotion_events", "reports")
        }
    engine.dispose()
    files = {
        str(path.relative_to(product.data)): path.read_bytes()
        for folder in ("mlflow/artifacts", "model_cache", "datasets")
        for path in (product.data / folder).rglob("*")
        if path.is_file()
    }
    return {**rows, **files}


def test_a_snapshot_of_a_running_product_loses_nothing_and_serves_the_same_models(
    product: Product, tmp_path: Path
) -> None:
    (product.data / "datasets").mkdir(exist_ok=True)
    (product.data / "datasets" / "latest.json").write_text("{}")
    assert product.run("simulate", "--games", "3", "--seed", "8").exit_code == 0
    file = tmp_path / "product.zip"
    assert product.run("snapshot", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o077 == 0
    again = product.run("snapshot", str(file))
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    served = ApiClient(product.server.url).served_models()

    refused = product.run("restore", str(file), "--force")
    assert refused.exit_code == 1
    assert "a product answers at" in refused.stderr
    other = Product(tmp_path / "other")
    assert other.run("restore", str(file), "--dry-run").exit_code == 0
    done = other.run("restore", str(file), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["parts"] == ["datasets", "gameplay", "mlflow", "model_cache"]
    assert contents(other) == contents(product)
    assert (other.data / "mlflow" / MLFLOW_DATABASE).is_file()
    try:
        other.server.start()
        assert ApiClient(other.server.url).served_models() == served
        assert other.run("simulate", "--games", "2", "--seed", "9").exit_code == 0
    finally:
        other.kill()
    assert other.run("restore", str(file)).exit_code == 1, "existing data needs --force"
    forced = other.run("restore", str(file), "--force")
    assert forced.exit_code == 0, forced.output
    assert contents(other) == contents(product)
    aside = next(other.data.glob("before-restore-*"))
    assert {path.name for path in aside.iterdir()} == {"rps.db", "mlflow", "model_cache", "datasets"}
    shutil.rmtree(aside)
