"""The real server, killed with -9 in the middle of play: every acknowledged round is there afterwards."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rps_core.store import GameStore, open_engine
from tests.builders.models import TestRegistry
from tests.builders.ports import free_port
from tests.integration.conftest import stop, wait_until

pytestmark = pytest.mark.integration
MOVES = ("rock", "paper", "scissors")


class Server:
    """`granian` with the factory of the API, on one folder of data."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "rps_api.app:create_app"]
        with (self.data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port), "--no-ws", "--workers", "1"],
                env={**os.environ, "DATA_PATH": str(self.data), "RPS_MODEL_REFRESH_SECONDS": "1"},
                stdout=log,
                stderr=log,
                # Its worker dies with it: killed as a group, as a machine would.
                start_new_session=True,
            )
        wait_until(self._is_ready, f"the server's start (see {self.data / 'server.log'})")

    def kill(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process is not None:
            stop(self._process)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.data / "server.log").read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz").status_code == 200
        return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    TestRegistry.in_folder(tmp_path / "model_cache").fill_all()
    running = Server(tmp_path)
    running.start()
    yield running
    running.close()


class Player(threading.Thread):
    """Plays games until the server is gone, and remembers what was acknowledged and what was not."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__()
        self.url = url
        self.random = random.Random(seed)
        self.acknowledged: list[dict[str, Any]] = []
        self.unanswered: dict[str, Any] | None = None

    def run(self) -> None:
        with contextlib.suppress(httpx.HTTPError), httpx.Client(base_url=self.url, timeout=30) as client:
            while True:
                self._play_game(client)

    def _play_game(self, client: httpx.Client) -> None:
        game = client.post("/start_game", json={"policy": "forrest", "player_kind": "test"}).raise_for_status().json()
        for round_no in range(1, 21):
            body = {"game_id": game["game_id"], "user_move": self.random.choice(MOVES), "round": round_no}
            self.unanswered = body
            reply = client.post("/play", json=body).raise_for_status().json()
            self.acknowledged.append(reply)
            self.unanswered = None
            if reply["finished"]:
                return


def test_no_acknowledged_round_is_lost_and_a_retry_plays_none_twice(server: Server) -> None:
    players = [Player(server.url, seed) for seed in range(4)]
    for player in players:
        player.start()
    wait_until(lambda: sum(len(player.acknowledged) for player in players) >= 120, "120 rounds")
    server.kill()
    for player in players:
        player.join()
    server.start()

    engine = open_engine(f"sqlite:///{server.data / 'rps.db'}")
    store = GameStore(engine)
    acknowledged = [reply for player in players for reply in player.acknowledged]
    for reply in acknowledged:
        stored = store.load_rounds(reply["game_id"])[reply["round"] - 1]
        assert (stored.user_move, stored.bot_move) == (reply["user_move"], reply["bot_move"])
        assert (stored.user_score, stored.bot_score) == (reply["user_score"], reply["bot_score"])

    with httpx.Client(base_url=server.url) as client:
        # A game that was under way goes on: the lost answer is asked for again and played at most once.
        for body in (player.unanswered for player in players if player.unanswered):
            before = len(store.load_game(body["game_id"]).rounds)
            assert before in {body["round"] - 1, body["round"]}
            reply = client.post("/play", json=body).raise_for_status().json()
            assert (reply["round"], reply["user_move"]) == (body["round"], body["user_move"])
            assert len(store.load_game(body["game_id"]).rounds) == body["round"]
        # What was answered before the kill is answered with the same bytes after it.
        last = acknowledged[-1]
        again = client.post(
            "/play", json={"game_id": last["game_id"], "user_move": last["user_move"], "round": last["round"]}
        )
        assert again.raise_for_status().json() == last
    engine.dispose()


def test_the_server_stops_when_it_is_asked_to(server: Server) -> None:
    assert httpx.get(f"{server.url}/healthz").json() == {"ok": True}
    server.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/healthz")
