"""Measure the overhead of Dagster: a trivial asset materialised in process and through a run, and the plain function.

    python -m benchmarks.orchestration

The UI, sensors and schedules materialise assets through a run in a separate process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import dagster as dg

from benchmarks.report import Goal, Table, publish, spread

# Without this, Dagster prints each step, which takes longer than the step.
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def add_up() -> int:
    """Do almost nothing."""
    return sum(range(1_000))


@dg.asset
def trivial() -> dg.MaterializeResult[None]:
    """Do almost nothing in an asset."""
    return dg.MaterializeResult(metadata={"sum": add_up()})


trivial_job = dg.define_asset_job("trivial_job", [trivial], executor_def=dg.in_process_executor)
defs = dg.Definitions(assets=[trivial], jobs=[trivial_job])


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="materialisations of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-dagster-") as home:
        os.environ |= {"DAGSTER_HOME": home, "DAGSTER_DISABLE_TELEMETRY": "yes"}
        instance = dg.DagsterInstance.get()
        ways: dict[str, Callable[[], object]] = {
            "a call of the function": add_up,
            "materialised in process, ephemeral instance": lambda: dg.materialize([trivial], run_config=QUIET),
            "materialised in process, SQLite instance": lambda: dg.materialize(
                [trivial], instance=instance, run_config=QUIET
            ),
            "a run in a separate process": _run_in_process,
        }
        found = {name: spread(_times_ms(way, options.repetitions)) for name, way in ways.items()}
    rows = [[name, times["median"], times["p5"], times["p95"]] for name, times in found.items()]
    goals = [Goal(f"{name}, median", times["median"], "ms") for name, times in found.items()]
    publish("orchestration", goals, [Table("A trivial asset", ("way", "median ms", "p5 ms", "p95 ms"), rows)])


def _times_ms(way: Callable[[], object], repetitions: int) -> list[float]:
    way()
    times = []
    for _ in range(repetitions):
        started = time.perf_counter()
        way()
        times.append(1_000 * (time.perf_counter() - started))
    return times


def _run_in_process() -> None:
    command = ("-m", "dagster", "job", "execute", "-m", "benchmarks.orchestration", "-j", "trivial_job")
    subprocess.run([sys.executable, *command], check=True, capture_output=True)  # noqa: S603 - our own command


if __name__ == "__main__":
    main()
