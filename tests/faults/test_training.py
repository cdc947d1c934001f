"""Training and promotion while MLflow is unreachable, on a full disk, and on a poisoned dataset."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from rps_assets.monitoring.drift import MOVED
from rps_assets.serving import run_writer
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training import model_runs
from rps_core.store.ledger import PromotionLedger
from rps_core.store.reports import DATA_DRIFT_REPORT, Reports
from rps_core.store.schema import events, games
from tests.builders.games import START
from tests.builders.ports import free_port
from tests.faults.disks import small_disk
from tests.faults.proxy import NONE, Hindrance, Proxy
from tests.faults.recovery import holds
from tests.integration.assets.conftest import IGNORED_WARNINGS, tiny_configuration
from tests.integration.assets.world import World, failure_of, fill_store, open_world
from tests.integration.conftest import stop, wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    *(pytest.mark.filterwarnings(rule) for rule in IGNORED_WARNINGS),
]
DATA = ["training/games", "training/dataset"]
FORREST = [*DATA, "models/forrest"]
ONLY_PRODUCTION = {
    "dagster/asset_partition_range_start": "Production",
    "dagster/asset_partition_range_end": "Production",
}


@pytest.fixture(autouse=True)
def _tiny_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_runs, "default_configuration", tiny_configuration)


@pytest.fixture(scope="module")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated, empty MLflow database: migrating it takes seconds."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("mlflow-template")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    MlflowClient(uri, uri).search_experiments()
    return folder


@pytest.fixture
def world(tmp_path: Path, mlflow_template: Path) -> Iterator[World]:
    """An installation with 40 games and no model."""
    with open_world(tmp_path, mlflow_template) as opened:
        fill_store(opened.engine, 40)
        yield opened


def train(world: World) -> Any:
    return world.run("train_models", only=FORREST, tags=ONLY_PRODUCTION)


def half_registered(world: World) -> list[str]:
    """Return versions without an alias, and runs that never end."""
    registry = world.registry
    versions = registry._client.search_model_versions("name = 'rps_bot_xgboost'")
    unfinished = registry._client.search_runs([registry.experiment_id], "attributes.status = 'RUNNING'")
    aliased = set(registry.aliases("xgboost").values())
    # The database returns a number, HTTP a text.
    found = {str(one.version) for one in versions}
    return [*(found - aliased), *(one.info.run_id for one in unfinished)]


@contextmanager
def served_mlflow(world: World, folder: Path) -> Iterator[Proxy]:
    """Serve the world's MLflow over HTTP, like in the product, behind a proxy that can cut it off."""
    port = free_port()
    stores = ("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}")
    artifacts = ("--artifacts-destination", str(folder / "artifacts"))
    address = ("--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    with (folder / "mlflow.log").open("ab") as log, Proxy(port) as proxy:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *stores, *artifacts, *address],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{proxy.port}"
            wait_until(lambda: holds(lambda: httpx.get(f"{url}/health").status_code == 200), "MLflow's start", 120)
            world.registry = ModelRegistry(url)
            world.configure(mlflow_tracking_uri_override=url)
            yield proxy
        finally:
            stop(process)


def cut_off_before(patch: pytest.MonkeyPatch, boundary: str, proxy: Proxy) -> None:
    """Cut MLflow off when a step of the registry begins."""
    place = run_writer if hasattr(run_writer, boundary) else ModelRegistry
    step: Callable[..., Any] = getattr(place, boundary)

    def cut_off_first(*arguments: Any, **named: Any) -> Any:
        proxy.hinder(Hindrance(answer_bytes=0))
        return step(*arguments, **named)

    patch.setattr(place, boundary, cut_off_first)


def test_a_training_that_loses_mlflow_fails_cleanly_and_the_next_run_completes_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with served_mlflow(world, tmp_path) as proxy:
        for boundary, registered in (("_log_files", 0), ("set_alias", 1)):
            with monkeypatch.context() as patch:
                cut_off_before(patch, boundary, proxy)
                failure = failure_of(train(world))
            assert f"port={proxy.port}" in failure or f":{proxy.port}" in failure, failure
            proxy.hinder(NONE)
            assert world.registry.aliases("xgboost") == {}
            versions = world.registry._client.search_model_versions("name = 'rps_bot_xgboost'")
            assert len(versions) == registered
        result = train(world)
        assert result.success, failure_of(result)
        assert set(world.registry.aliases("xgboost")) == {"Production"}
        # The version without an alias is the needed one, so it is not fitted a second time.
        assert half_registered(world) == []


PRODUCTION_AND_B = ONLY_PRODUCTION | {"dagster/asset_partition_range_end": "B"}


@pytest.mark.parametrize("boundary", ["move_aliases", "end_promotion"])
def test_a_promotion_that_loses_mlflow_is_finished_by_the_next_run(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    promotion = ["promotion/performance", "promotion/forrest"]
    with served_mlflow(world, tmp_path) as proxy:
        assert world.run("train_models", only=FORREST, tags=PRODUCTION_AND_B).success
        # The first decision opens the comparison.
        assert world.run("promote_and_serve", only=promotion).success
        before = world.registry.aliases("xgboost")
        world.record("xgboost", "B", wins=30, losses=10)
        world.record("xgboost", "Production", wins=12, losses=28)
        with monkeypatch.context() as patch:
            cut_off_before(patch, boundary, proxy)
            assert f":{proxy.port}" in (failure := failure_of(world.run("promote_and_serve", only=promotion))), failure
        proxy.hinder(NONE)
        assert world.registry.pending_promotion("xgboost") is not None
        assert world.run("promote_and_serve", only=promotion).success
        after = world.registry.aliases("xgboost")
        assert after == {"Production": before["B"], "B": before["Production"]}
        assert world.registry.pending_promotion("xgboost") is None
        decisions = [entry.decision for entry in PromotionLedger(world.engine).history(family="xgboost")]
        assert decisions == ["insufficient_data", "swap_production_b", "insufficient_data"]


def test_a_training_on_a_full_disk_fails_with_the_reason_and_the_next_run_completes_it(
    tmp_path: Path, mlflow_template: Path
) -> None:
    with small_disk(tmp_path / "disk", megabytes=12) as disk, open_world(disk.folder, mlflow_template) as world:
        fill_store(world.engine, 40)
        disk.fill()
        failure = failure_of(train(world))
        assert "No space left on device" in failure or "disk is full" in failure, failure
        assert world.datasets.latest() is None
        disk.free()
        assert world.registry.aliases("xgboost") == {}
        result = train(world)
        assert result.success, failure_of(result)
        assert set(world.registry.aliases("xgboost")) == {"Production"}
        assert half_registered(world) == []


def test_ten_thousand_scripted_rounds_under_human_names_show_as_drift_and_can_be_removed(
    world: World,
) -> None:
    world.configure(max_usable_rows=3_000)
    assert train(world).success
    sound = world.datasets.latest()
    assert sound is not None
    poison(world, 10_000, names=[f"Visitor {number}" for number in range(20)])
    result = train(world)
    assert result.success, failure_of(result)
    poisoned = world.datasets.latest()
    assert poisoned is not None
    # Games of people come first, up to the limit: a visitor who plays that much is the only one who trains the models.
    assert poisoned.scripted_games == 0
    assert poisoned.examples - poisoned.prior_examples <= world.settings.training.max_usable_rows
    assert failed_checks(result) == {"much_was_known_before"}
    # Other people play differently from the dataset; the alert on drift detects that.
    fill_store(world.engine, 80, kind="human", prefix="others", start=START + timedelta(days=30))
    assert world.run("write_reports", tags={}, only=["reports/data_drift"]).success
    report = Reports(world.engine).read(DATA_DRIFT_REPORT)
    assert report is not None
    assert report.payload["scores"]["features"] > MOVED
    take_out(world, "poison-%", "others-%")
    result = train(world)
    assert world.datasets.latest() == sound
    assert world.registry.aliases("xgboost") == {"Production": "1"}


def failed_checks(result: Any) -> set[str]:
    return {one.check_name for one in result.get_asset_check_evaluations() if not one.passed}


def take_out(world: World, *patterns: str) -> None:
    """Mark games as tests, like in the runbook."""
    with world.engine.begin() as connection:
        for pattern in patterns:
            connection.execute(update(games).where(games.c.id.like(pattern)).values(is_test=1, player_kind="test"))


def poison(world: World, rounds: int, *, names: Sequence[str]) -> None:
    """Store games of one scripted player under many names, until there are this many rounds."""
    number = 0
    while stored(world) < rounds:
        start = START + timedelta(days=number + 1)
        prefix, name = f"poison-{number}", names[number % len(names)]
        played = fill_store(world.engine, 50, kind="human", prefix=prefix, players=("ace",), start=start)
        with world.engine.begin() as connection:
            connection.execute(update(games).where(games.c.id.in_(played)).values(player_name=name))
        number += 1


def stored(world: World) -> int:
    with world.engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(events)) or 0)
