"""Measure play over HTTP: one granian worker, twelve trained models, every round durable (synchronous FULL).

    python -m benchmarks.api --games 1000 200000 --clients 1 8 32

Latency is that of `POST /play` from the fourth round on, as a client on the same machine sees it: the time of an empty
request, `GET /healthz`, is measured too: what the client, the server and the loopback cost without a game. Prints
a table and writes the same as JSON, with the facts of the machine, to `benchmarks/results/`.
"""

import argparse
import hashlib
import http.client
import json
import os
import platform
import shutil
import socket
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx

from benchmarks.synthetic_store import build_store
from benchmarks.trained_models import fill_cache
from rps_core.gambits import FIRST_POLICY_ROUND
from rps_core.moves import MOVES
from rps_core.opponents import POLICIES
from rps_core.store.engine import MIGRATIONS
from tests.browser.server import GameServer

RESULTS = Path(__file__).parent / "results"
GOAL_MEDIAN_MS, GOAL_P99_MS = 2.0, 10.0


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, nargs="+", default=[1_000, 200_000], help="stored games")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32], help="clients at once")
    parser.add_argument("--turns", type=int, default=5, help="turns that each store gets")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        servers = {stored: stack.enter_context(_serving(stored)) for stored in arguments.games}
        rows = [
            row
            for clients in arguments.clients
            for row in _measure(servers, clients, arguments.turns, arguments.seconds)
        ]
    _write({"machine": _machine(), "goals_ms": [GOAL_MEDIAN_MS, GOAL_P99_MS], "rows": rows})


@contextmanager
def _serving(stored: int) -> Iterator[GameServer]:
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-api-") as folder:
        shutil.copyfile(_store(stored), Path(folder) / "rps.db")
        fill_cache(Path(folder) / "model_cache")
        server = GameServer(Path(folder)).start()
        try:
            _wait_until_ready(server)
            yield server
        finally:
            server.kill()


def _measure(servers: dict[int, GameServer], clients: int, turns: int, seconds: float) -> list[dict[str, Any]]:
    """Measure the servers in turns, so that whatever else the machine does meets all of them."""
    slices: dict[int, list[Slice]] = {stored: [] for stored in servers}
    for _ in range(turns):
        for stored, server in servers.items():
            slices[stored].append(_play(server, clients, seconds))
    rows = [_row(stored, clients, found) for stored, found in slices.items()]
    _print(rows)
    return rows


class Slice(NamedTuple):
    """What one turn found."""

    rounds: int
    seconds: float
    policy_ms: list[float]
    empty_ms: list[float]


def _play(server: GameServer, clients: int, seconds: float) -> Slice:
    started = time.perf_counter()
    deadline = started + seconds
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(lambda number: Player(server.port, number).play_until(deadline), range(clients)))
    return Slice(
        sum(player.rounds for player in found),
        time.perf_counter() - started,
        [one for player in found for one in player.policy_ms],
        [one for player in found for one in player.empty_ms],
    )


def _row(stored: int, clients: int, found: list[Slice]) -> dict[str, Any]:
    policy = sorted(one for part in found for one in part.policy_ms)
    return {
        "stored_games": stored,
        "clients": clients,
        "rounds_per_second": round(sum(part.rounds for part in found) / sum(part.seconds for part in found), 1),
        "median_ms": round(statistics.median(policy), 2),
        "p95_ms": round(policy[int(0.95 * len(policy))], 2),
        "p99_ms": round(policy[int(0.99 * len(policy))], 2),
        "quietest_turn_median_ms": round(min(statistics.median(part.policy_ms) for part in found), 2),
        "empty_request_ms": round(statistics.median(one for part in found for one in part.empty_ms), 2),
        "load_average": round(os.getloadavg()[0], 2),
    }


class Player:
    """One client on one connection; a bare one, so that it takes little of the machine itself."""

    def __init__(self, port: int, number: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._random = Random(number)
        self.rounds = 0
        self.policy_ms: list[float] = []
        self.empty_ms: list[float] = []

    def play_until(self, deadline: float) -> "Player":
        """Play whole games, one after the other, until the time is over."""
        for played in self._rounds():
            self.rounds += 1
            if played >= FIRST_POLICY_ROUND:
                self.policy_ms.append(self._took_ms)
            if self.rounds % 10 == 0:
                self._ask("GET", "/healthz")
                self.empty_ms.append(self._took_ms)
            if time.perf_counter() > deadline:
                break
        self._connection.close()
        return self

    def _rounds(self) -> Iterator[int]:
        while True:
            policy = POLICIES[self._random.randrange(len(POLICIES))]
            game = self._ask("POST", "/start_game", {"player_name": "Nora", "policy": policy})["game_id"]
            finished = False
            while not finished:
                move = self._random.choice(MOVES)
                reply = self._ask("POST", "/play", {"game_id": game, "user_move": move})
                yield reply["round"]
                finished = reply["finished"]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        started = time.perf_counter()
        self._connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
        answer = self._connection.getresponse()
        data = answer.read()
        self._took_ms = 1000 * (time.perf_counter() - started)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {data[:300]!r}")
        return json.loads(data)


def _wait_until_ready(server: GameServer) -> None:
    """Wait for the models, and until the store is added up once, which happens beside the play and only then."""
    for _ in range(1200):
        degraded = httpx.get(f"{server.url}/readyz", timeout=60).json()["degraded"]
        if not degraded and "rps_tallies_ready 1.0" in httpx.get(f"{server.url}/metrics", timeout=60).text:
            return
        threading.Event().wait(0.1)
    raise RuntimeError("the server did not become ready")


def _store(games: int) -> Path:
    """Return a synthetic store, built now or by an earlier run with the same schema."""
    revisions = b"".join(file.read_bytes() for file in sorted((MIGRATIONS / "versions").glob("*.py")))
    schema = hashlib.sha256(revisions).hexdigest()[:8]
    path = Path(tempfile.gettempdir()) / f"rps-benchmark-api-{games}-{schema}.db"
    if not path.exists():
        print(f"building a store of {games:,} games in {path} …")
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        build_store(unfinished, games)
        unfinished.rename(path)
    return path


def _print(rows: list[dict[str, Any]]) -> None:
    if rows[0]["clients"] == 1:
        print(
            f"{'stored':>10}{'clients':>9}{'rounds/s':>10}{'median':>9}{'p95':>9}{'p99':>9}{'quietest':>10}"
            f"{'empty':>8}{'load':>7}"
        )
    for row in rows:
        print(
            f"{row['stored_games']:>10,}{row['clients']:>9}{row['rounds_per_second']:>10,.0f}{row['median_ms']:>9.2f}"
            f"{row['p95_ms']:>9.2f}{row['p99_ms']:>9.2f}{row['quietest_turn_median_ms']:>10.2f}"
            f"{row['empty_request_ms']:>8.2f}{row['load_average']:>7.2f}"
        )


def _write(result: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "api.json").write_text(json.dumps(result, indent=2) + "\n")


def _machine() -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
