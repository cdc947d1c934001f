"""Clients that play whole games at the same time and keep every answer."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

import httpx

from rps_core.game.moves import MOVES
from rps_core.game.opponents import POLICIES

TIMEOUT_SECONDS = 30.0
# Shorter than the second that the page waits, so that the end of a fault is noticed sooner.
RETRY_SECONDS = 0.1


class Acknowledged(NamedTuple):
    """A round that the server has acknowledged."""

    game_id: str
    round_no: int
    user_move: str
    bot_move: str
    user_score: float
    bot_score: float

    @classmethod
    def of(cls, reply: dict[str, Any]) -> "Acknowledged":
        return cls(*(reply[name] for name in ("game_id", "round", "user_move", "bot_move", "user_score", "bot_score")))


class Crowd:
    """`size` clients with different names, which share one budget of games.

    Args:
        patient: repeat requests that got 503 or no answer, as the page does; otherwise a client gives up.

    Attributes:
        acknowledged: rounds answered with 200.
        refusals: other statuses, by number.
        unanswered: number of requests without an answer.
        lost: bodies of the plays without an answer.
        winners: winners of the finished games.
        sources: sources of the probabilities behind the bots' moves.
    """

    def __init__(self, base_url: str, size: int, *, patient: bool = False) -> None:
        self._base_url = base_url
        self._size = size
        self._patient = patient
        self._stopped = threading.Event()
        self.games: dict[str, str] = {}
        self.acknowledged: list[Acknowledged] = []
        self.refusals: Counter[int] = Counter()
        self.unanswered = 0
        self.lost: list[dict[str, Any]] = []
        self.winners: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.reasons: set[str] = set()

    @property
    def names(self) -> list[str]:
        return [f"Nora{number:02d}" for number in range(self._size)]

    @contextmanager
    def playing(self) -> Iterator["Crowd"]:
        """Play until the block ends or the server stops answering."""
        thread = threading.Thread(target=self.play, args=(1_000_000,))
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            thread.join(2 * TIMEOUT_SECONDS)

    def play(self, games: int) -> None:
        """Play this many games to their end, or until the server stops answering."""
        asyncio.run(self.play_async(games))

    async def play_async(self, games: int) -> None:
        plan = iter(range(games))
        limits = httpx.Limits(max_connections=self._size, max_keepalive_connections=self._size)
        async with (
            httpx.AsyncClient(base_url=self._base_url, timeout=TIMEOUT_SECONDS, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            for name in self.names:
                group.create_task(self._play_all(client, name, plan))

    async def _play_all(self, client: httpx.AsyncClient, name: str, plan: Iterator[int]) -> None:
        for number in plan:
            if self._stopped.is_set() or not await self._play_one(client, name, number):
                return

    async def _play_one(self, client: httpx.AsyncClient, name: str, number: int) -> bool:
        random = Random(number)
        started = await self._post(client, "/start_game", {"player_name": name, "policy": POLICIES[number % 3]})
        if started is None:
            return False
        self.games[started["game_id"]] = name
        round_no = 1
        while not self._stopped.is_set():
            body = {"game_id": started["game_id"], "user_move": random.choice(MOVES), "round": round_no}
            reply = await self._post(client, "/play", body)
            if reply is None:
                return False
            self.acknowledged.append(Acknowledged.of(reply))
            self.sources[reply["model_info"]["probability_source"]] += 1
            if reply["finished"]:
                self.winners[reply["winner"]] += 1
                return True
            round_no += 1
        return False

    async def _post(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        while True:
            reply, may_repeat = await self._try_post(client, path, body)
            if reply is not None or not (self._patient and may_repeat) or self._stopped.is_set():
                return reply
            await asyncio.sleep(RETRY_SECONDS)

    async def _try_post(
        self, client: httpx.AsyncClient, path: str, body: dict[str, Any]
    ) -> tuple[dict[str, Any] | None, bool]:
        try:
            answer = await client.post(path, json=body)
        except httpx.TransportError:
            self.unanswered += 1
            if path == "/play":
                self.lost.append(body)
            return None, True
        if answer.status_code != 200:
            self.refusals[answer.status_code] += 1
            self.reasons.add(answer.text[:200])
            return None, answer.status_code == 503
        reply: dict[str, Any] = answer.json()
        return reply, False


def play_at_once(base_url: str, bodies: Iterable[tuple[dict[str, Any], dict[str, str]]]) -> list[httpx.Response]:
    """Send plays at the same moment, each on a separate open connection."""
    plays = list(bodies)

    async def send() -> list[httpx.Response]:
        clients = [httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_SECONDS) for _ in plays]
        try:
            await asyncio.gather(*(client.get("/healthz") for client in clients))
            posts = [
                client.post("/play", json=body, headers=headers)
                for client, (body, headers) in zip(clients, plays, strict=True)
            ]
            return await asyncio.gather(*posts)
        finally:
            await asyncio.gather(*(client.aclose() for client in clients))

    return asyncio.run(send())
