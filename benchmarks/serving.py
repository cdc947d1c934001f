"""Measure play and predictions over HTTP, ours and the baseline in turns; every round is durable (synchronous FULL).

    python -m benchmarks.serving --games 1000 200000 --clients 1 8 32 --workers 1 2

Latency is that of `POST /play` from the fourth round on, for a client on the same machine. Servers take turns, so other
load on the machine affects all of them. Predictions never read the store, so they are measured with the smallest one
only.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, TypeAlias

from benchmarks.players import PLAY, START, asker, player
from benchmarks.report import Goal, Table, publish, spread
from benchmarks.servers import Server, baseline, has_totals, is_healthy, ours
from benchmarks.wire import Conversation, Measured, Request, talk

OURS, BASELINE = "ours", "baseline"
# Rounds a second that one worker must reach, by the number of clients.
GOALS_PER_SECOND = {8: 1_500, 32: 1_900}
PREDICT, BATCH, BATCH_SIZE = "predict", "predict batch of 10", 10
_GAME = {
    "policy": "forrest",
    "player_history": ["rock", "paper", "paper", "scissors"],
    "bot_history": ["paper", "paper", "rock", "rock"],
    "round_values": {"rock": 1.4, "paper": 1.9, "scissors": 1.0},
}
_ASKED = {
    PREDICT: Request(PREDICT, "POST", "/predict/", json.dumps(_GAME).encode()),
    BATCH: Request(BATCH, "POST", "/predict/batch", json.dumps([_GAME] * BATCH_SIZE).encode()),
}
Talkers: TypeAlias = Callable[[int, float], Conversation]


class Setting(NamedTuple):
    """A measured server."""

    system: str
    workers: int
    games: int


class Case(NamedTuple):
    """A measured server under one load."""

    setting: Setting
    load: str
    clients: int


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, nargs="+", default=[1_000, 200_000], help="stored games")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32], help="clients at once")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="worker processes")
    parser.add_argument("--turns", type=int, default=5, help="turns of each server")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn")
    options = parser.parse_args()
    found: dict[Case, list[Measured]] = {}
    # One number of workers at a time: four servers of the baseline take two gigabytes.
    for workers in options.workers:
        found |= measure(workers, options.games, options.clients, options.turns, options.seconds)
    publish("serving", goals(found), tables(found))


def measure(
    workers: int, games: Sequence[int], clients: Sequence[int], turns: int, seconds: float
) -> dict[Case, list[Measured]]:
    """Measure both systems with `workers` workers."""
    with ExitStack() as stack:
        servers = {
            Setting(system, workers, stored): _start(stack, system, workers, stored)
            for stored in games
            for system in (OURS, BASELINE)
        }
        for setting, server in servers.items():
            server.wait_until(has_totals if setting.system == OURS else is_healthy)
        found: dict[Case, list[Measured]] = defaultdict(list)
        for count in clients:
            print(f"{workers} worker(s), {count} client(s) …", flush=True)
            for turn in range(turns):
                for setting, server in servers.items():
                    for load, talker in _loads(is_smallest=setting.games == min(games)).items():
                        found[Case(setting, load, count)].append(_turn(server, talker, count, turn, seconds))
        return found


def _start(stack: ExitStack, system: str, workers: int, stored: int) -> Server:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"rps-benchmark-{system}-")))
    return stack.enter_context((ours if system == OURS else baseline)(folder, stored, workers=workers))


def _loads(*, is_smallest: bool) -> dict[str, Talkers]:
    loads: dict[str, Talkers] = {PLAY: player}
    if is_smallest:
        for name, request in _ASKED.items():
            loads[name] = lambda seed, deadline, name=name, request=request: asker(seed, deadline, name, request)
    return loads


def _turn(server: Server, talker: Talkers, clients: int, turn: int, seconds: float) -> Measured:
    # Predictions need less time than games for a stable latency.
    length = seconds if talker is player else seconds / 4
    deadline = time.perf_counter() + length
    measured = talk(server.port, [talker(1000 * turn + number, deadline) for number in range(clients)])
    if measured.failures:
        raise RuntimeError(f"{len(measured.failures)} requests failed: {measured.failures[0]}")
    return measured


def rounds_per_second(found: Sequence[Measured]) -> float:
    """Return rounds per second over all turns, including openings."""
    rounds = sum(len(times) for turn in found for name, times in turn.latencies_ms.items() if name.startswith(PLAY))
    return rounds / sum(turn.seconds for turn in found)


def latencies(found: Sequence[Measured], name: str) -> list[float]:
    """Return the latencies in ms of a request over all turns."""
    return [time_ms for turn in found for time_ms in turn.latencies_ms.get(name, ())]


def tables(found: dict[Case, list[Measured]]) -> list[Table]:
    """Return the tables of play and of the other requests."""
    plays: list[list[str | int | float | None]] = []
    others: list[list[str | int | float | None]] = []
    for case, parts in found.items():
        names = [PLAY, START] if case.load == PLAY else [case.load]
        for name in names:
            times = latencies(parts, name)
            head = [case.setting.system, case.setting.workers, case.setting.games, case.clients]
            if not times:
                # A server too slow to finish an opening in any turn still gets a row.
                if name == PLAY:
                    plays.append([*head, rounds_per_second(parts), None, None, None, None])
                continue
            row = spread(times)
            cells = [row["median"], row["p95"], row["p99"]]
            if name == PLAY:
                plays.append([*head, rounds_per_second(parts), *cells, min(_medians(parts, name))])
            else:
                per_second = len(times) / sum(turn.seconds for turn in parts)
                others.append([name, *head, None if name == START else per_second, *cells])
    columns = ("system", "workers", "stored games", "clients")
    return [
        Table("Play", (*columns, "rounds/s", "median ms", "p95 ms", "p99 ms", "quietest turn, median ms"), plays),
        Table("Other requests", ("request", *columns, "per second", "median ms", "p95 ms", "p99 ms"), others),
    ]


def _medians(parts: Sequence[Measured], name: str) -> list[float]:
    return [spread(times)["median"] for part in parts if (times := part.latencies_ms.get(name))]


def goals(found: dict[Case, list[Measured]]) -> list[Goal]:
    """Return the goals of play with one worker."""
    stored = sorted({case.setting.games for case in found})
    rates = {
        (case.setting.system, case.setting.games, case.clients): parts
        for case, parts in found.items()
        if case.load == PLAY and case.setting.workers == 1
    }
    result = []
    few = stored[0]
    for games in stored:
        if (OURS, games, 1) in rates:
            alone, other = (spread(latencies(rates[system, games, 1], PLAY)) for system in (OURS, BASELINE))
            title = f"`/play`, 1 client, {games:,} stored games"
            result += [
                Goal(f"{title}, median", alone["median"], "ms", 1.2, baseline=other["median"]),
                Goal(f"{title}, p99", alone["p99"], "ms", 3.0, baseline=other["p99"]),
            ]
    for clients, limit in GOALS_PER_SECOND.items():
        for games in (games for games in stored if (OURS, games, clients) in rates):
            ours_, theirs = (rounds_per_second(rates[system, games, clients]) for system in (OURS, BASELINE))
            title = f"rounds a second, {clients} clients, {games:,} stored games"
            result.append(Goal(title, ours_, "/s", limit, at_least=True, baseline=theirs))
    if len(stored) > 1 and (OURS, stored[-1], 8) in rates:
        kept = rounds_per_second(rates[OURS, stored[-1], 8]) / rounds_per_second(rates[OURS, few, 8])
        title = f"rounds a second kept from {few:,} to {stored[-1]:,} games"
        result.append(Goal(title, 100 * kept, "%", 95, at_least=True))
    return result


if __name__ == "__main__":
    main()
