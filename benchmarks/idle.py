"""Measure what an idle loop costs: the sensors' own work in small and large stores, and `rps up` while nobody plays.

    python -m benchmarks.idle                                      the sensors' questions, in seconds
    python -m benchmarks.idle --games 1000 1000000 --minutes 5     also `rps up` on the largest store

`rps up` trains its twelve models first, which takes two to five minutes; then nothing happens but ticks. With `--keep`,
a second run finds them trained.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil

from benchmarks.report import Goal, Table, publish, spread
from benchmarks.stores import copy_of, store_without_predictions
from rps_assets.automation.example_counts import ExampleCounts, count_examples
from rps_assets.automation.history import Trained
from rps_assets.promotion.due import family_decisions
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.rules import PromotionRules
from rps_core.settings import default_settings
from rps_core.store import PromotionLedger, open_engine
from rps_core.store.play_counts import gameplay_counts
from rps_core.store.schema import promotion_events

REPETITIONS = 50
COUNTED, EXAMPLES = "counts of play, nothing new", "examples, nothing new"
DECIDED = "games since the last decision, nothing new"
CODE = "code server"
PORTS = {"RPS_API_PORT": "18080", "RPS_DAGSTER_PORT": "18081", "RPS_MLFLOW_PORT": "18082"}
START_SECONDS = 900


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, nargs="+", default=[300, 3_000], help="sizes of the stores, ascending")
    parser.add_argument("--minutes", type=float, default=0.0, help="how long `rps up` idles on the largest store")
    parser.add_argument("--keep", type=Path, help="folder of the product of `rps up`, kept for another run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-idle-") as name:
        folder = Path(name)
        found = {games: tick_times_ms(copy_of(store_without_predictions(games), folder / f"{games}.db"))
                 for games in options.games}  # fmt: skip
        largest = options.games[-1]
        rows = [[what, *(found[games][what] for games in options.games)] for what in found[largest]]
        tables = [Table("A tick's own work, median ms", ("what", *(f"{g:,} games" for g in options.games)), rows)]
        nothing_new = sum(found[largest][what] for what in (COUNTED, EXAMPLES, DECIDED))
        goals = [Goal(f"own work of all ticks with nothing new, {largest:,} games", nothing_new, "ms", 5.0)]
        if options.minutes:
            shares = idle_shares(options.keep or folder, folder / f"{largest}.db", 60 * options.minutes)
            rows = [[process, share, growth] for process, (share, growth) in shares.items()]
            tables.append(Table("`rps up`, idle", ("process", "% of a core", "resident MB"), rows))
            goals.append(
                Goal(f"code server with all sensors and schedules, {largest:,} games", shares[CODE][0], "%", 2.0)
            )
    publish("idle", goals, tables)


def tick_times_ms(store: Path) -> dict[str, float]:
    """Return the median time of each question that the sensors ask, after the counts have settled."""
    engine, training = open_engine(f"sqlite:///{store}"), default_settings().training
    now = datetime.now(UTC)
    trained = {family: Trained(now, now - timedelta(hours=1)) for family in FAMILIES}
    for minutes in (0, 2, 4):
        gameplay_counts(engine, now + timedelta(minutes=minutes))
    known = count_examples(engine, training, trained, ExampleCounts())
    questions: dict[str, Callable[[], object]] = {
        COUNTED: lambda: gameplay_counts(engine, now + timedelta(hours=1)),
        EXAMPLES: lambda: count_examples(engine, training, trained, known),
        "examples after a round": lambda: count_examples(engine, training, trained, ExampleCounts(base=known.base)),
        "examples of a first training": lambda: count_examples(engine, training, None, ExampleCounts()),
        "games before the first decision": lambda: family_decisions(engine, PromotionRules(), now),
    }
    found = {name: _median_ms(question) for name, question in questions.items()}
    for family in FAMILIES:
        PromotionLedger(engine).append(
            LedgerEntry(model_type=family, decision="retain_production", created_at=now, source="benchmark")
        )
    found[DECIDED] = _median_ms(lambda: family_decisions(engine, PromotionRules(), now))
    # `rps up` runs on this store, and its first decisions are its own.
    with engine.begin() as connection:
        connection.execute(promotion_events.delete())
    engine.dispose()
    return found


def _median_ms(question: Callable[[], object]) -> float:
    times = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        question()
        times.append(1_000 * (time.perf_counter() - started))
    return spread(times)["median"]


def idle_shares(folder: Path, store: Path, seconds: float) -> dict[str, tuple[float, float]]:
    """Run `rps up` on a store; return for each process its share of a core in percent and its resident megabytes."""
    data, home = folder / "data", folder / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        data.mkdir()
        shutil.move(store, data / "rps.db")
    quiet = {"RPS_BOOTSTRAP_GAMES": "0", "TRAINING_INTERVAL_SECONDS": "86400", "SCRIPTED_GAMES": "1"}
    environment = {**os.environ, **PORTS, **quiet, "DATA_PATH": str(data), "DAGSTER_HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-m", "rps_cli", "up"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as up:
        try:
            _wait_until_served(f"http://127.0.0.1:{PORTS['RPS_API_PORT']}/models")
            time.sleep(90)
            tree = psutil.Process(up.pid).children(recursive=True)
            before = {process: _cpu_seconds(process) for process in tree}
            time.sleep(seconds)
            shares: dict[str, tuple[float, float]] = {}
            for process, used in before.items():
                if process.is_running():
                    share, megabytes = shares.get(_role(process), (0.0, 0.0))
                    share += 100 * (_cpu_seconds(process) - used) / seconds
                    shares[_role(process)] = (share, megabytes + process.memory_info().rss / 1e6)
            return shares
        finally:
            up.terminate()
            up.wait(60)


def _wait_until_served(url: str) -> None:
    """Wait until each slot serves a model.

    Raises:
        SystemExit: that takes too long.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            families = httpx.get(url, timeout=5).json()
            slots = [slot for family in families.values() for slot in family["aliases"].values()]
            if len(slots) == 12 and all(slots):
                return
        except (httpx.HTTPError, ValueError, KeyError, AttributeError, TypeError):
            pass
        time.sleep(2)
    raise SystemExit(f"no models were served within {START_SECONDS} s; try again on a less busy machine")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _role(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    marks = {"dagster api grpc": CODE, "dagster._daemon": "daemon", "dagster_webserver": "webserver"}
    marks |= {"mlflow": "MLflow", "rps_api.app:create_app": "API", "supervisor": "supervisord"}
    return next((role for mark, role in marks.items() if mark in line), "other")


if __name__ == "__main__":
    main()
