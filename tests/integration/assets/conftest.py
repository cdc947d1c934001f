"""Installations for the graph tests: an empty one and a trained one, each test on its own copy."""

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from rps_assets.assets import experiments
from rps_assets.training import fit, model_runs
from rps_assets.training.parameters import (
    Configuration,
    LogisticParameters,
    NetworkParameters,
    XGBoostParameters,
    configurations,
)
from rps_core.game.families import ALIASES, Alias, Family
from rps_core.store.schema import promotion_events
from tests.builders.shared import filled_once
from tests.integration.assets.world import World, failure_of, fill_store, open_world

HERE = Path(__file__).parent
IGNORED_WARNINGS = (
    # Warnings about MLflow's own models and imports, and about Dagster's beta features; we cannot fix them.
    "ignore::sqlalchemy.exc.SADeprecationWarning",
    "ignore::dagster.BetaWarning",
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::UserWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in this folder as integration and silence the warnings of the frameworks."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)
            for rule in IGNORED_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(rule))


def tiny_configuration(family: Family, alias: Alias) -> Configuration:
    """A configuration that trains in a moment, different for each alias."""
    seed = ALIASES.index(alias) + 1
    # Different learning rates, because a few more epochs or trees may end with the same best step.
    shared = {"epochs": 2 + seed, "batch_size": 128, "lr": 0.01 + 0.001 * seed, "patience": 5, "reduce_lr_patience": 3}
    parameters = {
        "feedforward_nn": lambda: NetworkParameters(
            hidden_sizes=(8,), dropout_rate=0.1, weight_decay=1e-4, lambda_danger=0.0, **shared
        ),
        "multinomial_logistic": lambda: LogisticParameters(
            l2_lambda=0.1, use_class_weights=True, lambda_danger=0.0, **shared
        ),
        "xgboost": lambda: XGBoostParameters(
            n_estimators=4 + seed, learning_rate=0.3 + 0.01 * seed, max_depth=2, min_child_weight=1.0, subsample=1.0,
            colsample_bytree=1.0, reg_lambda=1.0, reg_alpha=0.0, gamma=0.0, tree_method="hist",
            early_stopping_rounds=5,
        ),
    }[family]()  # fmt: skip
    return Configuration(id=f"tiny_{family}_{alias}", family=family, note="for tests", parameters=parameters)


_draw, _DRAWN = fit._draw, dict[Family, dict[str, bytes]]()


def draw_once(configuration: Configuration, *results: Any) -> dict[str, bytes]:
    """Draw the plots of a family's first training and return them for the others.

    Drawing is a quarter of the time of these tests. Those in `tests/unit/training` draw the plots of every fit.
    """
    if configuration.family not in _DRAWN:
        _DRAWN[configuration.family] = _draw(configuration, *results)
    return _DRAWN[configuration.family]


@pytest.fixture(scope="session", autouse=True)
def _no_disk_flushes() -> Iterator[None]:
    """Kills are exceptions here, never power cuts, and waiting for the disk would take half of the time."""

    def relax(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield
    event.remove(Engine, "connect", relax)


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated, empty MLflow database: migrating it takes seconds."""

    def migrate(folder: Path) -> None:
        from mlflow import MlflowClient

        uri = f"sqlite:///{folder / 'mlflow.db'}"
        MlflowClient(uri, uri).search_experiments()

    return filled_once(tmp_path_factory, "mlflow-template", migrate)


@pytest.fixture(autouse=True)
def _tiny_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_runs, "default_configuration", tiny_configuration)


@pytest.fixture(autouse=True)
def _plots_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "_draw", draw_once)


@pytest.fixture
def tiny_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each configuration train in a moment under its own name."""

    def tiny(one: Configuration) -> Configuration:
        parameters = tiny_configuration(one.family, "B").parameters
        return Configuration(id=one.id, family=one.family, note=one.note, parameters=parameters)

    known = {name: tiny(one) for name, one in configurations().items()}
    monkeypatch.setattr(experiments, "configurations", lambda: known)


@pytest.fixture(scope="session")
def trained_template(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Path:
    """An installation whose loop ran once over 40 scripted and 3 human games; `verdicts.json` holds its checks."""

    def train(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch, open_world(folder, mlflow_template) as world:
            patch.setattr(model_runs, "default_configuration", tiny_configuration)
            patch.setattr(fit, "_draw", draw_once)
            fill_store(world.engine, 40)
            fill_store(world.engine, 3, kind="human", prefix="human")
            result = world.run("whole_loop")
            assert result.success, failure_of(result)
            checks = result.get_asset_check_evaluations()
            verdicts = {one.check_name: [one.passed, one.severity.value] for one in checks}
            (folder / "verdicts.json").write_text(json.dumps(verdicts))

    return filled_once(tmp_path_factory, "trained-template", train)


@pytest.fixture
def world(tmp_path: Path, mlflow_template: Path) -> Iterator[World]:
    """An empty installation."""
    with open_world(tmp_path, mlflow_template) as opened:
        yield opened


@pytest.fixture
def trained(tmp_path: Path, trained_template: Path) -> Iterator[World]:
    """A trained installation whose API already serves; its Dagster instance is empty."""
    with open_world(tmp_path, trained_template) as opened:
        with opened.engine.begin() as connection:
            # The installation is built once for all tests, and a decision of ten minutes ago holds back no training.
            connection.execute(update(promotion_events).values(created_ts_utc=datetime.now(UTC)))
        opened.api.reload()
        yield opened
