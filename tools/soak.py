"""Soak test: play at half of the server's maximum rate while models are swapped and the ledger grows.

    .venv/bin/python -m tools.soak --minutes 30

Every ten seconds, it samples the server's memory, descriptors and threads, the rate and latency of `POST /play`, and
errors. It prints a table and writes the samples as JSON. The exit code is 1 if anything grows, leaks, stalls or fails.
Growth is measured between the second and the last quarter, because caches fill during the first.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import psutil

from benchmarks.players import PLAY, player
from benchmarks.wire import Conversation, Measured, talk
from rps_core.api_client import parse_served
from rps_core.game.families import SLOTS, Slot
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store import PromotionLedger, open_engine
from tests.browser.server import GameServer
from tests.builders.models import TestRegistry

CLIENTS = 8
CALIBRATION_SECONDS = 6.0
WINDOW_SECONDS = 10.0
# Seconds between two sets of models and between two ledger entries: far more frequent than in real use.
SWAP_SECONDS, ENTRY_SECONDS = 10.0, 3.0
# The server checks for new models every second.
RELOAD_SECONDS = 20.0
# Differences between two quarters that are not yet a trend.
MEMORY_SHARE, MEMORY_MB = 0.10, 24.0
DESCRIPTORS, THREADS = 10, 4
LATENCY_SHARE, LATENCY_MS = 1.0, 15.0
# Clients catch up after a pause, so only the slowest round reveals one.
LONGEST_STALL_MS = 2_000.0
# One request in fourteen starts a game and is not a round.
LEAST_SHARE_OF_LOAD = 0.9
# Columns of the table, with their widths.
HEADS = (
    ("s", 6),
    ("rounds/s", 10),
    ("median", 8),
    ("p99 ms", 8),
    ("max ms", 8),
    ("errors", 8),
    ("MB", 8),
    ("fds", 5),
    ("threads", 9),
    ("changes", 9),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Measurements of one window; memory, descriptors and threads are those of the server with its workers."""

    at_seconds: float
    rounds_per_second: float
    median_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    memory_mb: float
    descriptors: int
    threads: int


def main() -> None:
    """Run the soak test and exit with its verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="length after the calibration")
    parser.add_argument("--out", type=Path, default=Path("soak.json"), help="file for the samples")
    arguments = parser.parse_args()
    samples, faults, load, churn = list[Sample](), list[str](), 0.0, Churn()
    try:
        with tempfile.TemporaryDirectory(prefix="rps-soak-") as folder, _serving(Path(folder)) as server:
            load = _calibrated(server)
            _say(f"maximum {load:.0f} rounds a second; playing {load / 2:.0f} for {arguments.minutes:g} minutes")
            with churn.running(Path(folder)):
                _soak(server, load / 2, 60 * arguments.minutes, samples, churn)
            faults += churn.missing_models(server)
    except Exception as error:  # noqa: BLE001 - the samples so far must be kept after any error
        faults.append(f"the test ended early: {type(error).__name__}: {error}")
    faults += judge(samples, load / 2) + churn.faults
    _say(f"{churn.swaps} new sets of models and {churn.entries} new ledger entries")
    report = {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "maximum_rounds_per_second": round(load, 1),
        "model_swaps": churn.swaps,
        "ledger_entries": churn.entries,
        "faults": faults,
        "samples": [asdict(sample) for sample in samples],
    }
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    _say("\n".join(faults) if faults else "nothing grew, leaked, stalled or failed")
    sys.exit(1 if faults else 0)


def judge(samples: Sequence[Sample], load: float) -> list[str]:
    """Return a sentence for everything that grew, leaked, stalled or failed.

    Args:
        samples: all windows; growth is measured between their second and last quarter.
        load: target rate of the clients in rounds per second.
    """
    errors = sum(sample.errors for sample in samples)
    faults = [f"{errors} requests failed"] if errors else []
    slowest = max((sample.max_ms for sample in samples), default=0.0)
    if slowest > LONGEST_STALL_MS:
        faults.append(f"the slowest round took {slowest:.0f} ms")
    if samples:
        rate = statistics.mean(sample.rounds_per_second for sample in samples)
        if rate < LEAST_SHARE_OF_LOAD * load:
            faults.append(f"{rate:.0f} rounds a second were played instead of {load:.0f}")
    quarter = len(samples) // 4
    if quarter == 0:
        return [*faults, f"{len(samples)} samples are too few for a trend; run for more minutes"]
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]

    def check_growth(quantity: str, unit: str, value: Callable[[Sample], float], share: float, least: float) -> None:
        before, after = statistics.median(map(value, early)), statistics.median(map(value, late))
        if after - before > max(share * before, least):
            faults.append(f"{quantity} grew from {before:.1f} to {after:.1f} {unit}".rstrip())

    check_growth("memory", "MB", lambda sample: sample.memory_mb, MEMORY_SHARE, MEMORY_MB)
    check_growth("the number of descriptors", "", lambda sample: sample.descriptors, 0.0, DESCRIPTORS)
    check_growth("the number of threads", "", lambda sample: sample.threads, 0.0, THREADS)
    check_growth("the 99th percentile", "ms", lambda sample: sample.p99_ms, LATENCY_SHARE, LATENCY_MS)
    return faults


@contextmanager
def _serving(folder: Path) -> Iterator[GameServer]:
    TestRegistry.in_folder(folder / "model_cache").fill_all()
    server = GameServer(folder, RPS_MODEL_REFRESH_SECONDS="1")
    try:
        yield server.start()
    finally:
        server.kill()


def _calibrated(server: GameServer) -> float:
    """Return the rounds per second that the clients reach without pauses."""
    _play(server, 0.0, 2.0)
    return _rounds(_play(server, 0.0, CALIBRATION_SECONDS)) / CALIBRATION_SECONDS


def _soak(server: GameServer, load: float, seconds: float, samples: list[Sample], churn: "Churn") -> None:
    started = time.perf_counter()
    _say("".join(f"{head:>{width}}" for head, width in HEADS))
    while time.perf_counter() - started < seconds:
        found = _play(server, CLIENTS / load, WINDOW_SECONDS)
        samples.append(_sample(server, found, time.perf_counter() - started))
        last = samples[-1]
        _say(
            f"{last.at_seconds:>6.0f}{last.rounds_per_second:>10.1f}{last.median_ms:>8.2f}{last.p99_ms:>8.2f}"
            f"{last.max_ms:>8.1f}{last.errors:>8}{last.memory_mb:>8.1f}{last.descriptors:>5}{last.threads:>9}"
            f"{churn.swaps + churn.entries:>9}"
        )


def _sample(server: GameServer, found: Sequence[Measured], at_seconds: float) -> Sample:
    latencies = sorted(time_ms for measured in found for time_ms in measured.latencies_ms.get(PLAY, ()))
    if not latencies:
        raise RuntimeError(f"no round was answered in {WINDOW_SECONDS:g} s")
    processes = _processes(server)
    return Sample(
        at_seconds=round(at_seconds, 1),
        rounds_per_second=round(_rounds(found) / WINDOW_SECONDS, 1),
        median_ms=round(statistics.median(latencies), 2),
        p99_ms=round(latencies[int(0.99 * len(latencies))], 2),
        max_ms=round(latencies[-1], 1),
        errors=sum(len(measured.failures) for measured in found) + _not_ready(server),
        memory_mb=round(sum(process.memory_info().rss for process in processes) / 1e6, 1),
        descriptors=sum(process.num_fds() for process in processes),
        threads=sum(process.num_threads() for process in processes),
    )


def _not_ready(server: GameServer) -> int:
    response = httpx.get(f"{server.url}/readyz", timeout=30)
    return 0 if response.status_code == 200 and not response.json()["degraded"] else 1


def _processes(server: GameServer) -> list[psutil.Process]:
    """Return the server process and its workers, which have the port in their command lines."""
    children = psutil.Process().children(recursive=True)
    return [process for process in children if str(server.port) in " ".join(process.cmdline())]


def _rounds(found: Sequence[Measured]) -> int:
    return sum(
        len(latencies) for measured in found for name, latencies in measured.latencies_ms.items() if "play" in name
    )


def _play(server: GameServer, pause_seconds: float, seconds: float) -> list[Measured]:
    """Let each client send a request every `pause_seconds`, with one thread and one connection per client."""
    deadline = time.perf_counter() + seconds
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(
            pool.map(
                lambda seed: talk(server.port, [_paced(player(seed, deadline), pause_seconds, seed)]), range(CLIENTS)
            )
        )


def _paced(conversation: Conversation, pause_seconds: float, seed: int) -> Conversation:
    """Pass a conversation through at a steady pace; the pauses are not part of the latencies."""
    due = time.perf_counter() + pause_seconds * seed / CLIENTS
    request = next(conversation)
    while True:
        time.sleep(max(0.0, due - time.perf_counter()))
        due += pause_seconds
        reply = yield request
        try:
            request = conversation.send(reply)
        except StopIteration:
            return


class Churn:
    """Swaps models and appends ledger entries during the play; counts both and collects errors."""

    def __init__(self) -> None:
        self.swaps = self.entries = 0
        self.faults: list[str] = []
        self._expected: dict[Slot, str] = {}
        self._ending = threading.Event()

    @contextmanager
    def running(self, folder: Path) -> Iterator[None]:
        """Swap models and write entries until the block ends."""
        threads = [threading.Thread(target=self._guarded, args=(work, folder)) for work in (self._swap, self._write)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            for thread in threads:
                thread.join()

    def missing_models(self, server: GameServer) -> list[str]:
        """Return a sentence if the server does not serve the last set of models in time."""
        deadline = time.perf_counter() + RELOAD_SECONDS
        while True:
            served = parse_served(httpx.get(f"{server.url}/models", timeout=30).json())
            versions = {slot: model.version for slot, model in served.items()}
            if versions == self._expected:
                return []
            if time.perf_counter() > deadline:
                return [f"the server still serves {versions} instead of {self._expected}"]
            time.sleep(0.5)

    def _guarded(self, work: Callable[[Path], None], folder: Path) -> None:
        try:
            work(folder)
        except Exception as error:  # noqa: BLE001 - after any error, the rest of the test would prove nothing
            self.faults.append(f"swaps or ledger entries ended early: {type(error).__name__}: {error}")

    def _swap(self, folder: Path) -> None:
        registry = TestRegistry.in_folder(folder / "model_cache")
        for number in count(1):
            if self._ending.wait(SWAP_SECONDS):
                return
            registry.runs.clear()
            entries = registry.fill_all(first=1 + len(SLOTS) * number)
            self._expected = {entry.slot: entry.version for entry in entries}
            self.swaps += 1

    def _write(self, folder: Path) -> None:
        engine = open_engine(f"sqlite:///{folder / 'rps.db'}")
        ledger = PromotionLedger(engine)
        while not self._ending.wait(ENTRY_SECONDS):
            now = datetime.now(UTC)
            ledger.append(
                LedgerEntry(model_type="xgboost", decision="retain_production", created_at=now, reason="soak")
            )
            self.entries += 1
        engine.dispose()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
