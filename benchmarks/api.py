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
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

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
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each measurement")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    sizes: dict[str, int] = {}
    for stored in arguments.games:
        with tempfile.TemporaryDirectory(prefix="rps-benchmark-api-") as folder:
            shutil.copyfile(_store(stored), Path(folder) / "rps.db")
            sizes = fill_cache(Path(folder) / "model_cache")
            server = GameServer(Path(folder)).start()
            try:
                _wait_until_ready(server)
                for clients in arguments.clients:
                    rows.append({"stored_games": stored, **_measure(server, clients, arguments.seconds)})
                    _print(rows[-1])
            finally:
                server.kill()
    _write({"machine": _machine(), "goals_ms": [GOAL_MEDIAN_MS, GOAL_P99_MS], "models_kb": sizes, "rows": rows})


def _measure(server: GameServer, clients: int, seconds: float) -> dict[str, Any]:
    deadline = time.perf_counter() + seconds
    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        found = list(pool.map(lambda number: Player(server.port, number).play_until(deadline), range(clients)))
        elapsed = time.perf_counter() - started
    policy = sorted(one for player in found for one in player.policy_ms)
    return {
        "clients": clients,
        "rounds": sum(player.rounds for player in found),
        "rounds_per_second": round(sum(player.rounds for player in found) / elapsed, 1),
        "median_ms": round(statistics.median(policy), 2),
        "p95_ms": round(policy[int(0.95 * len(policy))], 2),
        "p99_ms": round(policy[int(0.99 * len(policy))], 2),
        "empty_request_ms": round(statistics.median(one for player in found for one in player.empty_ms), 2),
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


def _print(row: dict[str, Any]) -> None:
    if row["clients"] == 1:
        print(f"{'stored':>10}{'clients':>9}{'rounds/s':>10}{'median':>9}{'p95':>9}{'p99':>9}{'empty':>9}{'load':>7}")
    print(
        f"{row['stored_games']:>10,}{row['clients']:>9}{row['rounds_per_second']:>10,.0f}{row['median_ms']:>9.2f}"
        f"{row['p95_ms']:>9.2f}{row['p99_ms']:>9.2f}{row['empty_request_ms']:>9.2f}{row['load_average']:>7.2f}"
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
