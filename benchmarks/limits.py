"""Compare a round with its lower limits, a flush of the disk and an empty request, and profile it.

    python -m benchmarks.limits

One client plays on a store of a thousand games: bytes written to the disk for each round, and bytes of each answer.
Then eight clients play while py-spy samples the worker.
"""

import argparse
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil

from benchmarks.decision import game_under_way, loaded_models, our_decision
from benchmarks.players import PLAY, asker, player
from benchmarks.report import Goal, Table, publish, spread
from benchmarks.servers import Server, has_totals, ours
from benchmarks.stores import store_of
from benchmarks.wire import Conversation, Reply, Request, talk

STORED_GAMES, CLIENTS, PAGE_BYTES = 1_000, 8, 4_096
EMPTY = Request("empty", "GET", "/healthz")
SAMPLES_A_SECOND = 250
STORE = "the store: statements and commits"
# A sample counts for the first pattern found in its stack, starting from the innermost frame.
PLACES = (
    ("rps_core/store", STORE),
    ("rps_api/inference", "predictions"),
    ("rps_core/features", "features"),
    ("rps_api/games/decision", "the rest of the decision"),
    ("rps_core/game/choice", "the rest of the decision"),
    ("rps_api/games/replies", "building the answer"),
    ("rps_core/", "the rules of the game"),
    ("rps_api/games", "the use case, locks, waiting"),
    ("rps_api/", "guards, limits, metrics, logs"),
    ("litestar/serialization", "JSON, by msgspec"),
    ("litestar/", "Litestar: routing, dependencies, request and response"),
    ("granian/", "granian and the event loop"),
    ("asyncio/", "granian and the event loop"),
)
ELSEWHERE = "other"
# Innermost frames of threads that wait for work or for a moment; py-spy counts them as busy.
IDLE = re.compile(
    r"_worker \(concurrent/futures/thread|(Condition\.)?wait \(threading|(GroupCommit\.)?_take \(rps_core/store/group_c"
)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    options = parser.parse_args()
    snapshot, game = loaded_models(), game_under_way("feedforward_nn")
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-limits-") as folder:
        flush = spread(_times_us(Flush(Path(folder)).once, 500))
        decision = spread(_times_us(lambda: our_decision(game, snapshot), 2_000))
        with ours(Path(folder), STORED_GAMES) as server:
            server.wait_until(has_totals)
            empty = spread(talk(server.port, [_empty(options.seconds)]).latencies_ms["empty"])
            played, answer_bytes, disk_bytes = play_alone(server, options.seconds)
            profile = profiled(server, options.seconds)
    rows = [
        [f"write and flush {PAGE_BYTES:,} bytes to this disk", flush["median"], flush["p99"]],
        ["an empty request, `GET /healthz`", 1_000 * empty["median"], 1_000 * empty["p99"]],
        ["a decision of four networks, in process", decision["median"], decision["p99"]],
        ["a round, `POST /play`", 1_000 * played["median"], 1_000 * played["p99"]],
    ]
    sizes = [["an answer of `/play`", answer_bytes], ["written to disk per round", disk_bytes]]
    tables = [
        Table("One round and its limits, one client", ("operation", "median µs", "p99 µs"), rows),
        Table("Bytes", ("data", "bytes"), sizes),
        Table(f"Where the time goes, {CLIENTS} clients", ("where", "% of samples"), [list(row) for row in profile]),
    ]
    publish("limits", goals(disk_bytes, dict(profile)), tables)


def goals(disk_bytes: int, shares_of: dict[str, float]) -> list[Goal]:
    """Return the goals of a round: what the disk gets, what is left in the file, and the store's share of the time."""
    file = store_of(STORED_GAMES)
    with closing(sqlite3.connect(file)) as connection:
        rounds = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    return [
        Goal("bytes given to the disk per round, 1 client", disk_bytes / 1_000, "kB", 20),
        Goal(f"database bytes per round at rest, {STORED_GAMES:,} games", file.stat().st_size / rounds, "B", 450),
        Goal("the store's share of a worker's time, 8 clients", shares_of.get(STORE, 0.0), "%", 25),
    ]


class Flush:
    """Appends pages to a file and waits until the disk has stored them."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "flushed", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._page = b"\1" * PAGE_BYTES

    def once(self) -> None:
        """Write and flush one page."""
        os.write(self._file, self._page)
        os.fdatasync(self._file)


def play_alone(server: Server, seconds: float) -> tuple[dict[str, float], int, int]:
    """Return the latency of a client's rounds in ms, the bytes of an answer, and the bytes written per round."""
    sizes: list[int] = []
    before = _written_bytes(server)
    measured = talk(server.port, [counted(player(1, time.perf_counter() + seconds), sizes)])
    written = _written_bytes(server) - before
    return spread(measured.latencies_ms[PLAY]), round(spread(sizes)["median"]), round(written / len(sizes))


def counted(conversation: Conversation, sizes: list[int]) -> Conversation:
    """Pass a conversation through and record the size of each answer to a play."""
    try:
        request = next(conversation)
        while True:
            reply: Reply = yield request
            if request.path == "/play":
                sizes.append(len(reply.body))
            request = conversation.send(reply)
    except StopIteration:
        return


def profiled(server: Server, seconds: float) -> list[tuple[str, float]]:
    """Return the share of each place in samples of the worker while eight clients play, largest first."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as output:
        command = ("record", "--pid", str(server.worker.pid), "--format", "raw", "--output", output.name)
        rate = ("--duration", str(round(seconds)), "--rate", str(SAMPLES_A_SECOND))
        spy = Path(sys.executable).with_name("py-spy")
        with ThreadPoolExecutor(1) as pool:
            recording = pool.submit(subprocess.run, [spy, *command, *rate], check=True, capture_output=True)
            deadline = time.perf_counter() + seconds + 1
            talk(server.port, [player(number, deadline) for number in range(CLIENTS)])
            recording.result()
        return shares(Path(output.name).read_text())


def shares(raw: str) -> list[tuple[str, float]]:
    """Return the percentage of samples by place from py-spy's raw format: frames from the outermost, then a count.

    Threads that wait for work are left out.

    Raises:
        ValueError: no sample of a busy thread is left.
    """
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        # Threads without a frame belong to libraries and wait.
        if stack and not IDLE.match(frames[-1]):
            found[place_of(frames)] += int(count)
    total = sum(found.values())
    if not total:
        raise ValueError("py-spy took no sample of a busy thread; measure for more seconds")
    return [(place, 100 * count / total) for place, count in found.most_common()]


def place_of(stack: list[str]) -> str:
    """Return the place that a sample counts for."""
    for frame in reversed(stack):
        for pattern, place in PLACES:
            if pattern in frame:
                return place
    return ELSEWHERE


def _empty(seconds: float) -> Conversation:
    return asker(0, time.perf_counter() + seconds / 2, EMPTY.name, EMPTY)


def _times_us(once: Callable[[], object], repetitions: int) -> list[float]:
    times = []
    for _ in range(repetitions):
        started = time.perf_counter_ns()
        once()
        times.append((time.perf_counter_ns() - started) / 1_000)
    return times


def _written_bytes(server: Server) -> int:
    counters = psutil.Process(server.worker.pid).io_counters()
    return int(counters.write_bytes)


if __name__ == "__main__":
    main()
