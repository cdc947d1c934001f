"""Measure play while models are swapped: failed requests, and p99 compared with turns without swaps.

    python -m benchmarks.swap

Eight clients play. In every second turn, another process replaces the versions in all twelve slots of the cache once a
second, and the API checks the cache every half second. In the product, promotions change it at most every half hour.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.players import PLAY, player
from benchmarks.report import Goal, Table, publish, spread
from benchmarks.servers import has_totals, ours
from benchmarks.trained_models import trained_graphs
from benchmarks.wire import Measured, talk
from rps_core.game.families import SLOTS
from tests.builders.models import TestRegistry

LIMIT_RATIO = 2.0
CLIENTS = 8
STORED_GAMES = 1_000
PAUSE_SECONDS = 1.0


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=4, help="turns with swaps; there are as many without")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn")
    parser.add_argument("--swap-in", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.swap_in:
        print(swap_for(options.swap_in, options.seconds))
        return
    quiet, swapping, swaps = measure(options.turns, options.seconds)
    failed = [failure for turn in (*quiet, *swapping) for failure in turn.failures]
    rows, p99 = [], {}
    for name, found in (("quiet", quiet), ("swapping", swapping)):
        times = spread(time_ms for turn in found for time_ms in turn.latencies_ms[PLAY])
        p99[name] = times["p99"]
        rows.append(
            [
                name,
                times["count"],
                times["median"],
                times["p95"],
                times["p99"],
                sum(len(turn.failures) for turn in found),
            ]
        )
    goals = [
        Goal(f"failed requests during {swaps} swaps of 12 models", len(failed), "", 0),
        Goal("p99 of `/play` during swaps, relative to quiet turns", p99["swapping"] / p99["quiet"], "×", LIMIT_RATIO),
    ]
    columns = ("turns", "rounds", "median ms", "p95 ms", "p99 ms", "failed")
    publish("swap", goals, [Table(f"Play by {CLIENTS} clients while models are swapped", columns, rows)])


def measure(turns: int, seconds: float) -> tuple[list[Measured], list[Measured], int]:
    """Return the turns without and with swaps, and the number of swaps."""
    quiet: list[Measured] = []
    swapping: list[Measured] = []
    swaps = 0
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-swap-") as name:
        folder = Path(name)
        with ours(folder, STORED_GAMES, environment={"RPS_MODEL_REFRESH_SECONDS": "0.5"}) as server:
            server.wait_until(has_totals)
            for turn in range(turns):
                quiet.append(_turn(server.port, 2 * turn, seconds))
                with _swapper(folder / "model_cache", seconds) as process:
                    swapping.append(_turn(server.port, 2 * turn + 1, seconds))
                    swaps += int(process.communicate()[0].split()[-1])
    return quiet, swapping, swaps


def _turn(port: int, turn: int, seconds: float) -> Measured:
    deadline = time.perf_counter() + seconds
    return talk(port, [player(100 * turn + number, deadline) for number in range(CLIENTS)])


def _swapper(cache: Path, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.swap", "--swap-in", str(cache), "--seconds", str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command


def swap_for(cache: Path, seconds: float) -> int:
    """Repeatedly put other versions into all slots; return how often."""
    deadline, swaps = time.perf_counter() + seconds, 0
    while time.perf_counter() < deadline:
        swap_once(cache)
        swaps += 1
        time.sleep(PAUSE_SECONDS)
    return swaps


def swap_once(cache: Path) -> None:
    """Put other versions into all slots."""
    graphs, registry = trained_graphs(), TestRegistry.in_folder(cache)
    # Never use a version twice, because the API would still hold it.
    first = time.time_ns() // 1_000_000 * len(SLOTS)
    registry.synchronise([registry.version(slot, first + number, graphs[slot]) for number, slot in enumerate(SLOTS)])


if __name__ == "__main__":
    main()
