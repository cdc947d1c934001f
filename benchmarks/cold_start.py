"""Measure the start: time from process start until twelve models are served, and resident memory at that moment.

    python -m benchmarks.cold_start

Our API is ready when `/readyz` reports nothing degraded. The baseline answers `/healthz` only after loading its models.
The database has the current schema, as on every start except the first. Memory is that of the worker. A first start is
not counted, so all files are in the cache of the file system.
"""

import argparse
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.report import Goal, Table, publish, spread
from benchmarks.servers import Server, baseline, has_models, is_healthy, ours

LIMIT_SECONDS, LIMIT_MEGABYTES = 2.0, 250.0
STORED_GAMES = 1_000


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5, help="starts of each system")
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "baseline": []}
    for number in range(options.starts + 1):
        for system, times in found.items():
            measured = start_once(system)
            # The first start fills the cache of the file system.
            if number:
                times.append(measured)
    rows, seconds, megabytes = [], {}, {}
    for system, times in found.items():
        took = spread(started for started, _ in times)
        seconds[system], megabytes[system] = took["median"], max(memory for _, memory in times)
        rows.append([system, took["median"], min(started for started, _ in times), took["p95"], megabytes[system]])
    goals = [
        Goal("process start to 12 models", seconds["ours"], "s", LIMIT_SECONDS, baseline=seconds["baseline"]),
        Goal("resident memory, ready", megabytes["ours"], "MB", LIMIT_MEGABYTES, baseline=megabytes["baseline"]),
    ]
    columns = ("system", "median s", "quickest s", "p95 s", "resident MB")
    publish("cold_start", goals, [Table("Process start to ready", columns, rows)])


def start_once(system: str) -> tuple[float, float]:
    """Start a system once; return the seconds until it is ready, and its memory in megabytes."""
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-start-") as folder:
        serve = ours if system == "ours" else baseline
        started: AbstractContextManager[Server] = serve(Path(folder), STORED_GAMES)
        with started as server:
            seconds = server.wait_until(has_models if system == "ours" else is_healthy)
            return seconds, server.resident_megabytes()


if __name__ == "__main__":
    main()
