"""Measure the asset training/dataset on a store of a million rounds: seconds, and the memory of its process.

    python benchmarks/dataset.py --rounds 1000000

The store is built once in the temporary folder and used again by later runs. The asset runs through Dagster in a
process of its own, so that its memory is its own. Prints the figures and writes them, with the facts of the machine, to
`benchmarks/results/`.
"""

import argparse
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synthetic_store import build_store

LIMIT_SECONDS, LIMIT_MEGABYTES = 10.0, 2_000
ROUNDS_PER_GAME = 13.3
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Build the store, then measure in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1_000_000, help="rounds in the synthetic store")
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.store is not None:
        print(json.dumps(measure(arguments.store)))
        return
    store = _store(arguments.rounds)
    command = [sys.executable, __file__, "--store", str(store)]
    figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])  # noqa: S603
    figures |= {"limit_seconds": LIMIT_SECONDS, "limit_megabytes": LIMIT_MEGABYTES, "machine": _machine()}
    print(json.dumps(figures, indent=2))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "dataset.json").write_text(json.dumps(figures, indent=2) + "\n")


def measure(store: Path) -> dict[str, Any]:
    """Materialise training/games and training/dataset on all games of a store."""
    import dagster as dg

    from rps_assets.definitions import build_defs
    from rps_assets.keys import DATASET, TRAINING_GAMES
    from rps_core.settings import Settings

    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        settings = Settings(
            data_path=Path(folder),
            db_path=store,
            training_data_since=datetime(2000, 1, 1, tzinfo=UTC),
            training_scripted_game_stride=1,
            max_usable_rows=10_000_000,
        )
        job = build_defs(settings=settings).resolve_job_def("train_models")
        job.execute_in_process(instance=instance, asset_selection=[TRAINING_GAMES])
        # The checks are steps of their own: each reads the dataset back.
        before, cpu = time.perf_counter(), time.process_time()
        result = job.execute_in_process(instance=instance, asset_selection=[DATASET])
        with_checks, cpu_seconds = time.perf_counter() - before, time.process_time() - cpu
        steps = {e.step_key: e.event_specific_data.duration_ms / 1_000 for e in result.all_events if e.is_step_success}
        (written,) = result.asset_materializations_for_node("training__dataset")
    rows = written.metadata["dagster/row_count"].value
    with sqlite3.connect(store) as connection:
        (rounds,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return {
        "rounds": rounds,
        "examples": rows,
        "seconds": round(steps["training__dataset"], 2),
        "seconds_with_run_and_checks": round(with_checks, 2),
        "cpu_seconds_with_run_and_checks": round(cpu_seconds, 2),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000),
    }


def _store(rounds: int) -> Path:
    path = Path(tempfile.gettempdir()) / f"rps-benchmark-rounds-{rounds}.db"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        print(f"building a store of about {rounds:,} rounds in {path} …", file=sys.stderr)
        build_store(unfinished, round(rounds / ROUNDS_PER_GAME))
        unfinished.rename(path)
    return path


def _machine() -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
