"""Measure the asset training/dataset on a store of a million rounds: time and memory.

    python -m benchmarks.dataset --rounds 1000000

The asset runs through Dagster in a separate process, so that its memory can be measured. A second process runs the
steps without Dagster and measures each of them.
"""

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.report import Goal, Table, publish
from benchmarks.stores import store_of_rounds
from rps_core.settings import load_settings

LIMIT_SECONDS, LIMIT_MEGABYTES = 5.0, 2_000
SINCE = datetime(2000, 1, 1, tzinfo=UTC)


def main() -> None:
    """Build the store, then measure in separate processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1_000_000, help="rounds in the synthetic store")
    parser.add_argument("--asset", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.asset or options.steps:
        print(json.dumps(measure_asset(options.asset) if options.asset else measure_steps(options.steps)))
        return
    store = store_of_rounds(options.rounds)
    asset, steps = _in_process("--asset", store), _in_process("--steps", store)
    title = f"dataset of {asset['rounds']:,} rounds"
    goals = [
        Goal(title, asset["seconds"], "s", LIMIT_SECONDS),
        Goal(f"{title}, peak memory", asset["peak_megabytes"], "MB", LIMIT_MEGABYTES),
    ]
    columns = ("part", "seconds", "processor s")
    rows = [
        ["the asset", asset["seconds"], None],
        ["the run with all its checks", asset["run_seconds"], asset["run_cpu_seconds"]],
        *([f"step: {name}", *times] for name, times in steps.items()),
    ]
    publish("dataset", goals, [Table(f"{title}, {asset['examples']:,} examples", columns, rows)])


def measure_asset(store: Path) -> dict[str, Any]:
    """Materialise training/games and training/dataset on all games of a store."""
    import dagster as dg

    from rps_assets.assets.keys import DATASET, TRAINING_GAMES
    from rps_assets.definitions import build_defs

    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        settings = load_settings(
            data_path=Path(folder),
            db_path=store,
            training_data_since=SINCE,
            training_scripted_game_stride=1,
            max_usable_rows=10_000_000,
        )
        job = build_defs(settings=settings).resolve_job_def("train_models")
        job.execute_in_process(instance=instance, asset_selection=[TRAINING_GAMES])
        # Each check is a separate step that reads the dataset again.
        before, cpu = time.perf_counter(), time.process_time()
        result = job.execute_in_process(instance=instance, asset_selection=[DATASET])
        seconds, cpu_seconds = time.perf_counter() - before, time.process_time() - cpu
        steps = {e.step_key: e.event_specific_data.duration_ms / 1_000 for e in result.all_events if e.is_step_success}
        (written,) = result.asset_materializations_for_node("training__dataset")
    with sqlite3.connect(store) as connection:
        (rounds,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return {
        "rounds": rounds,
        "examples": written.metadata["dagster/row_count"].value,
        "seconds": steps["training__dataset"],
        "run_seconds": seconds,
        "run_cpu_seconds": cpu_seconds,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000,
    }


def measure_steps(store: Path) -> dict[str, tuple[float, float]]:
    """Return elapsed and processor seconds of each step."""
    from rps_assets.datasets.build import build_dataset, read_rounds
    from rps_assets.datasets.dataset_folder import DatasetFolder, describe
    from rps_assets.datasets.selection import kept_games, plan_training_games, read_games
    from rps_core.features.contract import CURRENT_CONTRACT
    from rps_core.object_folder import ObjectFolder
    from rps_core.store import open_engine

    found: dict[str, tuple[float, float]] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        started, cpu = time.perf_counter(), time.process_time()
        result = step()
        found[name] = (time.perf_counter() - started, time.process_time() - cpu)
        return result

    engine = open_engine(f"sqlite:///{store}")
    with engine.connect() as connection, tempfile.TemporaryDirectory() as folder:
        games = kept_games(plan_training_games(read_games(connection, SINCE), SINCE, 1, 10_000_000))
        rounds = timed("read rounds from SQLite", lambda: read_rounds(connection, games["game_id"].to_list()))
        del rounds
        frame = timed("read and sort rounds, compute features", lambda: build_dataset(connection, games))
        info = timed("summary and fingerprint", lambda: describe(frame, CURRENT_CONTRACT))
        datasets = DatasetFolder(ObjectFolder.open(f"file://{folder}"))
        timed("write as Parquet", lambda: datasets.write(frame, info))
    engine.dispose()
    return found


def _in_process(part: str, store: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.dataset", part, str(store)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
