"""Measure the asset training/dataset on a large store: for the first time, and after a thousand new rounds.

    python -m benchmarks.dataset --rounds 1000000
    python -m benchmarks.dataset --store /tmp/ten_million.db

The assets run through Dagster in a separate process, so that its memory can be measured.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.machine import peak_megabytes
from benchmarks.report import Goal, Table, publish
from benchmarks.stores import ROUNDS_PER_GAME, copy_of, store_of_rounds
from benchmarks.synthetic_store import add_games
from rps_cli.up.programs import ALLOCATORS
from rps_core.settings import Settings, load_settings

# Seconds and megabytes for a dataset of all rounds, computed for the first time, by the number of rounds.
LIMITS = {1_000_000: (5.0, 700), 10_000_000: (75.0, 1_500)}
LIMIT_AGAIN_SECONDS = 1.5
NEW_ROUNDS = 1_000
SINCE = datetime(2000, 1, 1, tzinfo=UTC)


def main() -> None:
    """Build the store, then measure in a separate process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1_000_000, help="rounds in the synthetic store")
    parser.add_argument("--store", type=Path, help="use this store, which was built before, instead")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-") as folder:
        store = copy_of(options.store or store_of_rounds(options.rounds), Path(folder) / "rps.db")
        found = _in_process(store)
    title = f"dataset of {found['rounds']:,} rounds"
    nearest = min(LIMITS, key=lambda rounds: abs(rounds - found["rounds"]))
    seconds, megabytes = LIMITS[nearest]
    goals = [
        Goal(f"{title}, first time", found["first"]["dataset"], "s", seconds),
        Goal(f"{title}, peak memory", found["peak_megabytes"], "MB", megabytes),
        Goal(f"{title}, {NEW_ROUNDS:,} of them new", found["again"]["dataset"], "s", LIMIT_AGAIN_SECONDS),
    ]
    columns = ("training", "examples", "select s", "dataset s", "dataset and its checks s", "processor s")
    rows = [
        [name, one["examples"], one["games"], one["dataset"], one["run"], one["cpu"]]
        for name, one in (
            ("all games, first time", found["first"]),
            (f"all games, {NEW_ROUNDS:,} rounds new", found["again"]),
            ("newest games up to MAX_USABLE_ROWS", found["newest"]),
        )
    ]
    sizes = [
        ["features", found["feature_bytes"] / found["rounds"]],
        ["the store", found["store_bytes"] / found["rounds"]],
    ]
    publish(
        "dataset",
        goals,
        [
            Table(f"{title}, contract {found['contract']}", columns, rows),
            Table("Bytes a round", ("part", "bytes"), sizes),
        ],
    )


def measure(store: Path) -> dict[str, Any]:
    """Materialise training/games and training/dataset three times, with new rounds before the second time."""
    from rps_core.features.contract import CURRENT_CONTRACT

    with tempfile.TemporaryDirectory() as folder, _instance(Path(folder) / "dagster") as instance:
        options: dict[str, Any] = {"data_path": Path(folder), "db_path": store, "training_data_since": SINCE}
        everything = load_settings(**options, training_scripted_game_stride=1, max_usable_rows=1_000_000_000)
        _settle(store)
        first = _train(everything, instance)
        peak = peak_megabytes()
        with sqlite3.connect(store) as connection:
            (games,) = connection.execute("SELECT count(*) FROM games").fetchone()
        added = range(games, games + round(NEW_ROUNDS / ROUNDS_PER_GAME))
        add_games(store, added, datetime.now(UTC) - timedelta(days=1))
        _settle(store)
        again = _train(everything, instance)
        newest = _train(load_settings(**options), instance)
        features = sum(file.stat().st_size for file in (Path(folder) / "datasets" / "features").rglob("*.parquet"))
    with sqlite3.connect(store) as connection:
        (rounds,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return {
        "rounds": rounds,
        "contract": CURRENT_CONTRACT.version,
        "peak_megabytes": peak,
        "first": first,
        "again": again,
        "newest": newest,
        "feature_bytes": features,
        "store_bytes": store.stat().st_size,
    }


def _instance(home: Path) -> Any:
    """Return Dagster's instance as `rps up` configures it."""
    import dagster as dg

    from rps_cli.up.layout import PROJECT

    home.mkdir()
    (home / "dagster.yaml").write_text((PROJECT / "dagster_home" / "dagster.yaml").read_text())
    os.environ["DAGSTER_HOME"] = str(home)
    return dg.DagsterInstance.get()


def _settle(store: Path) -> None:
    """Let the sensor that counts play look at the store twice, minutes apart, so that all rounds are settled."""
    from rps_core.store import open_engine
    from rps_core.store.play_counts import gameplay_counts

    engine = open_engine(f"sqlite:///{store}")
    for minutes in (0, 2, 4):
        gameplay_counts(engine, datetime.now(UTC) + timedelta(minutes=minutes))
    engine.dispose()


def _train(settings: Settings, instance: Any) -> dict[str, Any]:
    """Run selection and dataset with all checks; return seconds and the number of examples."""
    from rps_assets.assets.keys import DATASET, TRAINING_GAMES
    from rps_assets.definitions import build_defs

    job = build_defs(settings=settings).resolve_job_def("train_models")
    selection = job.execute_in_process(instance=instance, asset_selection=[TRAINING_GAMES])
    before, cpu = time.perf_counter(), time.process_time()
    result = job.execute_in_process(instance=instance, asset_selection=[DATASET])
    run_seconds, cpu_seconds = time.perf_counter() - before, time.process_time() - cpu
    (written,) = [
        event for event in result.asset_materializations_for_node("training__dataset") if event.asset_key == DATASET
    ]
    return {
        "examples": written.metadata["dagster/row_count"].value,
        "games": _seconds_of(selection, "training__games"),
        "dataset": _seconds_of(result, "training__dataset"),
        "run": run_seconds,
        "cpu": cpu_seconds,
    }


def _seconds_of(result: Any, step: str) -> float:
    (seconds,) = [
        event.event_specific_data.duration_ms / 1_000
        for event in result.all_events
        if event.is_step_success and event.step_key == step
    ]
    return float(seconds)


def _in_process(store: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.dataset", "--measure", str(store)]
    # As `rps up` starts its processes.
    environment = {**os.environ, **ALLOCATORS}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
