"""Players over HTTP who read the servers' store and models: they know the bot's mixture before each move."""

import time
from collections.abc import Sequence
from random import Random
from typing import Any

import httpx

from benchmarks.arena import Player, seat_of
from rps_api.games.memory import PlayerMemory
from rps_api.inference.snapshot import Snapshot
from rps_core.features.steps import steps_after
from rps_core.store import GameStore

TIMEOUT_SECONDS = 30.0
# A killed server is back after some seconds.
RETRY_SECONDS, PATIENCE_SECONDS = 0.1, 60.0


class Guest:
    """Plays Forrest on any of several servers, and repeats requests that get no answer, as the page does.

    Args:
        urls: of the servers; each request takes one of them.
        store: the servers' gameplay store.
        snapshot: the servers' models.
        random: chooses the server.
    """

    def __init__(self, urls: Sequence[str], store: GameStore, snapshot: Snapshot, random: Random) -> None:
        self._urls, self._store, self._snapshot, self._random = urls, store, snapshot, random
        self._memory = PlayerMemory(store, 0)

    def play_game(self, session: str, player: Player) -> str:
        """Play a game of a session to its end and return its id."""
        with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
            order = {"session_id": session, "policy": "forrest", "player_kind": "test"}
            game_id = str(self._post(client, "/start_game", order)["game_id"])
            while (game := self._store.load_game(game_id)).finished_at is None:
                known = steps_after(game.rounds, self._memory.counts_of(game.remembered_games))
                move = player(seat_of(game, known, self._snapshot))
                self._post(client, "/play", {"game_id": game_id, "user_move": move, "round": game.next_round_no})
        return game_id

    def _post(self, client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post until a server answers; a repeated round is played once."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = client.post(self._random.choice(self._urls) + path, json=body)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)
            else:
                return dict(answer.raise_for_status().json())
