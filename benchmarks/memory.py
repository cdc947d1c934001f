"""Measure the memory of everything that `rps up` starts, after its first start and after swaps of all models.

    python -m benchmarks.memory

`rps up` runs on an empty data folder: it plays games, trains twelve models, and its API loads them from MLflow or from
the cache. Memory is read when the product has been idle for a while. Then the twelve models are swapped again and again
while games are played; Dagster's daemon is paused, because its sensor would restore the registry's versions.

Resident memory counts a page once for each process that maps it, proportional memory counts it once for all.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from benchmarks.players import player
from benchmarks.report import Goal, Table, publish
from benchmarks.swap import swap_once
from benchmarks.trained_models import trained_graphs
from benchmarks.wire import talk
from rps_cli.up.layout import plan_layout
from rps_cli.up.programs import API
from rps_cli.up.supervisord import read_states
from rps_core.settings import load_settings
from tests.e2e.product import Product, product_environment

LIMIT_API_MEGABYTES, LIMIT_SWAPPED_MEGABYTES, LIMIT_TOTAL_MEGABYTES = 220.0, 250.0, 1_300.0
SWAPS_A_ROW = 20
PATIENCE_SECONDS = 1_800.0
COMMAND_LINE, SUPERVISOR = "rps up", "supervisord"


class Memory(NamedTuple):
    """Memory of one program's processes in megabytes."""

    processes: int
    resident: float
    proportional: float
    unique: float


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=120, help="games that `rps up` plays before the first training")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="pause before memory is read")
    parser.add_argument("--swaps", type=int, default=100, help="how often all twelve models are swapped")
    options = parser.parse_args()
    # Fitted before anything is measured, if no earlier run did.
    trained_graphs()
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-memory-") as folder:
        product = Product(
            product_environment(
                Path(folder),
                RPS_BOOTSTRAP_GAMES=str(options.games),
                MAX_USABLE_ROWS="3000",
                RPS_STARTS_PER_MINUTE="0",
                RPS_PLAYS_PER_MINUTE="0",
            )
        )
        product.start()
        try:
            product.wait_for_line("12 models served", PATIENCE_SECONDS)
            time.sleep(options.idle_seconds)
            found = memory_of(product)
            swapped = swap(product, options.swaps)
        finally:
            product.stop()
    _publish(found, swapped, options.swaps)


def _publish(found: dict[str, Memory], swapped: list[tuple[int, float]], swaps: int) -> None:
    total = _sum(found.values())
    goals = [
        Goal("`rps up` after its first start, API, resident memory", found[API].resident, "MB", LIMIT_API_MEGABYTES),
        Goal(f"the same after {swaps} swaps of 12 models", swapped[-1][1], "MB", LIMIT_SWAPPED_MEGABYTES),
        Goal("`rps up` after its first start, all processes, resident", total.resident, "MB", LIMIT_TOTAL_MEGABYTES),
    ]
    columns = ("program", "processes", "resident MB", "proportional MB", "unique MB")
    rows: list[tuple[str | float, ...]] = [(name, *memory) for name, memory in (*found.items(), ("all", total))]
    tables = [
        Table("Memory of `rps up`, idle after its first training", columns, rows),
        Table("Memory of the API while models are swapped", ("swaps of 12 models", "resident MB"), swapped),
    ]
    publish("memory", goals, tables)


def memory_of(product: Product) -> dict[str, Memory]:
    """Return the memory of each program of a running product, with its child processes."""
    layout = plan_layout(load_settings(data_path=product.data).storage, product.environment)
    names = {state.pid: name for name, state in read_states(layout).items() if state.pid}
    groups = {COMMAND_LINE: [_memory(psutil.Process(product.process.pid))]}
    for process in product.leftovers():
        # A run may end meanwhile.
        with suppress(psutil.NoSuchProcess):
            named = (names[one.pid] for one in (process, *process.parents()) if one.pid in names)
            groups.setdefault(next(named, SUPERVISOR), []).append(_memory(process))
    return {name: _sum(memories) for name, memories in groups.items()}


def _memory(process: psutil.Process) -> Memory:
    read = process.memory_full_info()
    return Memory(1, read.rss / 1e6, read.pss / 1e6, read.uss / 1e6)


def _sum(memories: Iterable[Memory]) -> Memory:
    return Memory(*(sum(values) for values in zip(*memories, strict=True)))


def swap(product: Product, swaps: int) -> list[tuple[int, float]]:
    """Swap all models repeatedly while one client plays; return the API's memory after every few swaps."""
    daemon = product.process_named("dagster._daemon")
    daemon.suspend()
    try:
        found = [(0, memory_of(product)[API].resident)]
        for number in range(1, swaps + 1):
            swap_once(product.data / "model_cache")
            reply = httpx.post(f"{product.api_url}/models/reload", timeout=60).raise_for_status().json()
            if not reply["success"]:
                raise RuntimeError(f"swap {number} failed: {reply}")
            port = int(product.environment["RPS_API_PORT"])
            talk(port, [player(number, time.perf_counter() + 0.2)])
            if number % SWAPS_A_ROW == 0 or number == swaps:
                found.append((number, memory_of(product)[API].resident))
    finally:
        daemon.resume()
    return found


if __name__ == "__main__":
    main()
