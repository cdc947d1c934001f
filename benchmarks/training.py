"""Measure training: twelve models with and without Dagster, and their accuracy compared with plain baselines.

    python -m benchmarks.training
    python -m benchmarks.training --examples 30000 --accuracy 3

The dataset is that of a new installation: the games of simulated people of the release, and games of the eight scripted
players against a bot that plays at random.

- Without Dagster, each model runs through `train_model`: five fits, export, parity check and plots, but no MLflow. The
  first training compiles the networks. Later ones load them from disk, as in the product.
- Through Dagster, the job `train_models` selects stored games, builds a dataset and trains, with MLflow on SQLite.
- With `--accuracy`, the first configuration of each family and the baselines are fitted on several datasets, with the
  same rows for training and the same rows for testing.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.report import Goal, Table, publish
from rps_core.settings import load_settings
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
for variable in THREADS:
    os.environ.setdefault(variable, "1")

LIMIT_SECONDS, DAGSTER_LIMIT_SECONDS = 12.0, 60.0
# The goals apply to this many played examples. The other examples are those of simulated people.
GOAL_EXAMPLES = 300
ALL_EXAMPLES = 30_000
EXAMPLES_PER_GAME = 9.4
# Points of accuracy by which the first configuration of a family must exceed its baseline.
MARGINS = {"xgboost": 1.0, "feedforward_nn": 0.0, "multinomial_logistic": -0.5}


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=GOAL_EXAMPLES, help="played examples in a dataset")
    parser.add_argument("--no-dagster", action="store_true", help="skip the run through Dagster")
    parser.add_argument(
        "--accuracy",
        type=int,
        default=0,
        metavar="DATASETS",
        help="number of datasets for the comparison of accuracies",
    )
    parser.add_argument("--only-fit", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_fit:
        print(json.dumps(train_without_dagster(options.examples)))
        return
    goals, tables = _plain(options.examples)
    if not options.no_dagster:
        more_goals, more_tables = _through_dagster(options.examples)
        goals, tables = goals + more_goals, tables + more_tables
    if options.accuracy:
        tables += _accuracies(options.examples, options.accuracy)
    publish("training" if options.examples == GOAL_EXAMPLES else f"training_{options.examples}", goals, tables)


def _plain(examples: int) -> tuple[list[Goal], list[Table]]:
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-compiled-") as folder:
        first, again = (_in_process(examples, folder) for _ in range(2))
    limit = LIMIT_SECONDS if examples == GOAL_EXAMPLES else None
    title = f"12 models on {again['examples']:,} examples, no Dagster"
    goals = [
        Goal(f"{title}, compiled networks", again["seconds"], "s", limit),
        Goal(f"{title}, compiled networks, processor time", again["cpu_seconds"], "s"),
        Goal(f"{title}, first run", first["seconds"], "s"),
    ]
    columns = ("family", "first run s", "later runs s", "of the processor")
    rows = [
        [family, first["families"][family], again["families"][family], again["cpu_families"][family]]
        for family in first["families"]
    ]
    rows += [
        ["all", first["seconds"], again["seconds"], again["cpu_seconds"]],
        ["import of the libraries", first["imported"], again["imported"], None],
    ]
    return goals, [Table("Four models of each family, one thread", columns, rows)]


def _in_process(examples: int, compiled: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training", "--only-fit", "--examples", str(examples)]
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": compiled,
        # One thread, as in the product.
        **dict.fromkeys(THREADS, "1"),
    }
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


def train_without_dagster(examples: int) -> dict[str, Any]:
    """Train the twelve models in this process and return the time of each family."""
    dataset = first_dataset(examples)
    started = time.perf_counter()
    from rps_assets.training.fit import train_model
    from rps_assets.training.parameters import default_configuration
    from rps_core.game.families import ALIASES, FAMILIES

    for trainer in ("networks", "trees"):
        importlib.import_module(f"rps_assets.training.{trainer}")
    imported = time.perf_counter() - started
    families, cpu = {}, {}
    for family in FAMILIES:
        before, cpu_before = time.perf_counter(), time.process_time()
        for alias in ALIASES:
            train_model(dataset, default_configuration(family, alias), seed=42)
        families[family] = time.perf_counter() - before
        cpu[family] = time.process_time() - cpu_before
    return {
        "examples": len(dataset),
        "families": families,
        "seconds": sum(families.values()),
        "cpu_families": cpu,
        "cpu_seconds": sum(cpu.values()),
        "imported": imported,
    }


def first_dataset(played: int) -> Any:
    """Return a dataset like that of a new installation: examples of simulated people, and this many played ones."""
    import polars as pl

    from rps_assets.datasets.build import with_columns_of
    from rps_assets.datasets.feature_tables import current_table
    from rps_assets.datasets.simulated_people import prior_of, prior_weight, simulate_people
    from rps_assets.training.dataset import TrainingDataset
    from rps_core.settings import TrainingSettings
    from rps_core.simulation.people.population import shipped_population

    rounds = simulate_people(shipped_population(), TrainingSettings().training_simulated_games)
    prior = with_columns_of(*prior_of(rounds, current_table())).with_columns(weight=pl.lit(prior_weight(0)))
    prior = prior.head(max(ALL_EXAMPLES - played, 0))
    frame = pl.concat([prior, scripted_examples(played)], how="diagonal_relaxed")
    frame = frame.with_columns(
        pl.col("player").fill_null(pl.col("game_id")), pl.col("player_kind").fill_null("scripted")
    )
    return TrainingDataset.from_frame(frame.with_columns(pl.col("weight").fill_null(1.0)), "benchmark")


def scripted_examples(played: int, seed: int = 7) -> Any:
    """Return examples of the scripted players, as a frame."""
    from tests.builders.simulation import dataset_frame

    return dataset_frame(round(played / EXAMPLES_PER_GAME * 1.1) + len(SCRIPTED_PLAYERS), seed).tail(played)


def _through_dagster(examples: int) -> tuple[list[Goal], list[Table]]:
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-") as folder:
        timing = train_through_dagster(Path(folder), examples)
    limit = DAGSTER_LIMIT_SECONDS if examples == GOAL_EXAMPLES else None
    goals = [Goal("the same through Dagster and MLflow, first run", timing["seconds"], "s", limit)]
    rows = [[name, seconds] for name, seconds in timing["steps_seconds"].items() if seconds >= 0.1]
    return goals, [Table("Steps of the run", ("step", "seconds"), rows)]


def _accuracies(examples: int, datasets: int) -> list[Table]:
    rows = compare(examples, datasets)
    verdicts = verdict(rows)
    return [
        Table("Accuracy on the hold-out", ("model", "mean"), [[row["model"], row["mean"]] for row in rows]),
        Table(
            "Points of accuracy above the family's baseline",
            ("family", "above", "required", "met"),
            [
                [name, row["points_above"], row["required"], "yes" if row["met"] else "no"]
                for name, row in verdicts.items()
            ],
        ),
    ]


def train_through_dagster(folder: Path, examples: int) -> dict[str, Any]:
    """Run `train_models` on an empty registry and return the time of each step."""
    import dagster as dg
    from mlflow import MlflowClient

    from rps_assets.assets.keys import DATASET
    from rps_assets.assets.partitions import ALL_ALIASES_TAGS
    from rps_assets.definitions import build_defs
    from rps_assets.serving.model_registry import ModelRegistry

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    # Create the tables of the new database first, which takes seconds.
    MlflowClient(uri, uri).search_experiments()
    settings = load_settings(
        data_path=folder / "data",
        mlflow_tracking_uri_override=uri,
        training_data_since=datetime(2000, 1, 1, tzinfo=UTC),
        training_scripted_game_stride=1,
        max_usable_rows=max(examples, 200),
    )
    store_games(settings, examples)
    registry = ModelRegistry(uri, artifact_location=f"file://{folder / 'artifacts'}")
    job = build_defs(settings=settings, resource_overrides={"model_registry": registry}).resolve_job_def("train_models")
    with dg.DagsterInstance.ephemeral() as instance:
        started, cpu = time.perf_counter(), time.process_time()
        result = job.execute_in_process(instance=instance, tags=ALL_ALIASES_TAGS)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    steps = {e.step_key: e.event_specific_data.duration_ms / 1_000 for e in result.all_events if e.is_step_success}
    # The step also reports the days of features that it added.
    (dataset,) = [
        event for event in result.asset_materializations_for_node("training__dataset") if event.asset_key == DATASET
    ]
    return {
        "examples": dataset.metadata["dagster/row_count"].value,
        "models": len(registry.aliased_versions()),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "steps_seconds": {name.replace("__", "/"): round(value, 1) for name, value in steps.items()},
    }


def store_games(settings: Any, examples: int) -> None:
    """Store finished games of the scripted players with at least `examples` examples."""
    from sqlalchemy import insert

    from rps_core.simulation.scripted_players import display_name
    from rps_core.store import open_engine, upgrade_store
    from rps_core.store.game_rows import event_values, game_values
    from rps_core.store.game_store import GameStore
    from rps_core.store.games import StoredGame
    from rps_core.store.schema import events, games

    engine = open_engine(settings.storage.database_url, sqlite_synchronous="NORMAL")
    upgrade_store(engine)
    random, stored, start = Random(1), 0, datetime(2026, 11, 1, tzinfo=UTC)
    with GameStore(engine).engine.begin() as connection:
        for number in range(examples):
            player = SCRIPTED_PLAYERS[number % len(SCRIPTED_PLAYERS)]
            game = StoredGame(
                id=f"benchmark-{number}",
                session_id="benchmark",
                player_name=display_name(player),
                player_kind="scripted",
                policy="forrest",
                family="xgboost",
                alias="Production",
                model=None,
                opening_name="none",
                opening=(),
                created_at=start + timedelta(minutes=number),
            )
            rounds = play(game.id, player, random, game.created_at)
            finish = {"finished_ts": game.created_at, "winner": rounds[-1].outcome.winner}
            connection.execute(insert(games).values(game_values(game) | finish))
            connection.execute(insert(events), [event_values(game.id, played) for played in rounds])
            stored += max(len(rounds) - 3, 0)
            if stored >= examples:
                break
    engine.dispose()


def play(game_id: str, player: str, random: Random, moment: datetime) -> list[Any]:
    """Play one game of a scripted player against a bot that plays at random."""
    from rps_core.game.moves import MOVES
    from rps_core.game.scoring import PlayedRound, play_round, round_points
    from rps_core.simulation.scripted_players import decide, from_user_side
    from rps_core.store.games import NewRound

    history: list[PlayedRound] = []
    rounds: list[NewRound] = []
    user = bot = 0.0
    while not rounds or not rounds[-1].outcome.finished:
        number = len(rounds) + 1
        points = round_points(game_id, number)
        user_move, bot_move = decide(player, from_user_side(history), points, random), random.choice(MOVES)
        outcome = play_round(user, bot, user_move, bot_move, points)
        user, bot = outcome.user_score, outcome.bot_score
        history.append(PlayedRound(number, user_move, bot_move, points, user, bot))
        rounds.append(NewRound(number, user_move, bot_move, points, outcome, "uniform", (), moment))
    return rounds


def compare(examples: int, datasets: int) -> list[dict[str, Any]]:
    """Return the hold-out accuracy of each model and baseline on several datasets, and their mean."""
    found: dict[str, list[float]] = {}
    for seed in range(1, datasets + 1):
        dataset = _dataset(examples, seed)
        for name, fit in {**_baselines(), **_ours()}.items():
            found.setdefault(name, []).append(round(fit(dataset), 4))
    return [
        {"model": name, "mean": round(sum(values) / len(values), 4), "each": values} for name, values in found.items()
    ]


def verdict(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return for each family its lead over its baseline in points, and the required lead."""
    mean = {row["model"]: row["mean"] for row in rows}
    baselines = {
        "xgboost": "XGBClassifier, defaults",
        "feedforward_nn": "MLPClassifier, scaled",
        "multinomial_logistic": "LogisticRegression, scaled",
    }
    return {
        family: {
            "points_above": round(100 * (mean[family] - mean[baseline]), 2),
            "required": MARGINS[family],
            "met": 100 * (mean[family] - mean[baseline]) >= MARGINS[family],
        }
        for family, baseline in baselines.items()
    }


def _dataset(examples: int, seed: int) -> Any:
    """Return examples of scripted players. Their labels are steps, which is what models of contract 3 are fitted on."""
    from rps_assets.training.dataset import TrainingDataset
    from rps_assets.training.step_models import steps_of

    dataset = TrainingDataset.from_frame(scripted_examples(examples, seed), f"benchmark-{seed}")
    return replace(dataset, labels=steps_of(dataset.labels, dataset.features))


def _judged(dataset: Any, fit: Callable[[Any, Any, Any], Any]) -> float:
    """Fit on the training part of the hold-out and return the accuracy on its test part."""
    from rps_assets.training.splits import chronological_holdout

    split = chronological_holdout(dataset.games)
    predicted = fit(dataset, split, dataset.features[split.test])
    return float((predicted == dataset.labels[split.test]).mean())


def _baselines() -> dict[str, Callable[[Any], float]]:
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    def judged(model: Callable[[], Any]) -> Callable[[Any], float]:
        def fit(dataset: Any, split: Any, test: Any) -> Any:
            with warnings.catch_warnings():
                # A baseline may warn that it did not converge within its default iterations.
                warnings.simplefilter("ignore")
                return model().fit(dataset.features[split.train], dataset.labels[split.train]).predict(test)

        return lambda dataset: _judged(dataset, fit)

    return {
        "majority": judged(lambda: DummyClassifier(strategy="most_frequent")),
        "XGBClassifier, defaults": judged(lambda: XGBClassifier(n_jobs=1)),
        "MLPClassifier, scaled": judged(lambda: make_pipeline(StandardScaler(), MLPClassifier(random_state=42))),
        "LogisticRegression, scaled": judged(lambda: make_pipeline(StandardScaler(), LogisticRegression())),
    }


def _ours() -> dict[str, Callable[[Any], float]]:
    from rps_assets.training.networks import fit_network
    from rps_assets.training.parameters import XGBoostParameters, default_configuration
    from rps_assets.training.trees import fit_trees
    from rps_core.game.families import FAMILIES

    def judged(parameters: Any) -> Callable[[Any], float]:
        def fit(dataset: Any, split: Any, test: Any) -> Any:
            fitted: Any = fit_trees if isinstance(parameters, XGBoostParameters) else fit_network
            return fitted(dataset.features, dataset.labels, split, parameters, seed=42).predict(test).argmax(axis=1)

        return lambda dataset: _judged(dataset, fit)

    return {family: judged(default_configuration(family, "Production").parameters) for family in FAMILIES}


if __name__ == "__main__":
    main()
