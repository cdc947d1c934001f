"""Clients that play whole games at the same time and remember every answer they got."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import httpx

from rps_core.moves import MOVES
from rps_core.opponents import POLICIES

TIMEOUT_SECONDS = 30.0


class Acknowledged(NamedTuple):
    """A round that the server said it has played."""

    game_id: str
    round_no: int
    user_move: str
    bot_move: str
    user_score: float
    bot_score: float


class Crowd:
    """`size` clients, each with a name of its own, that share one budget of games.

    Attributes:
        acknowledged: rounds answered with 200.
        refusals: other statuses, by number.
        unanswered: requests whose answer never came.
        winners: of the games that were finished.
    """

    def __init__(self, base_url: str, size: int) -> None:
        self._base_url = base_url
        self._size = size
        self.games: dict[str, str] = {}
        self.acknowledged: list[Acknowledged] = []
        self.refusals: Counter[int] = Counter()
        self.unanswered = 0
        self.winners: Counter[str] = Counter()
        self.reasons: set[str] = set()

    @property
    def names(self) -> list[str]:
        return [f"Nora{number:02d}" for number in range(self._size)]

    def play(self, games: int) -> None:
        """Play this many games to their ends, or until the server is gone."""
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
            if not await self._play_one(client, name, number):
                return

    async def _play_one(self, client: httpx.AsyncClient, name: str, number: int) -> bool:
        random = Random(number)
        started = await self._post(client, "/start_game", {"player_name": name, "policy": POLICIES[number % 3]})
        if started is None:
            return False
        self.games[started["game_id"]] = name
        while True:
            body = {"game_id": started["game_id"], "user_move": random.choice(MOVES)}
            reply = await self._post(client, "/play", body)
            if reply is None:
                return False
            self.acknowledged.append(
                Acknowledged(
                    reply["game_id"],
                    reply["round"],
                    reply["user_move"],
                    reply["bot_move"],
                    reply["user_score"],
                    reply["bot_score"],
                )
            )
            if reply["finished"]:
                self.winners[reply["winner"]] += 1
                return True

    async def _post(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = await client.post(path, json=body)
        except httpx.TransportError:
            self.unanswered += 1
            return None
        if answer.status_code != 200:
            self.refusals[answer.status_code] += 1
            self.reasons.add(answer.text[:200])
            return None
        reply: dict[str, Any] = answer.json()
        return reply


def play_at_once(base_url: str, bodies: list[tuple[dict[str, Any], dict[str, str]]]) -> list[httpx.Response]:
    """Send plays at the same moment, each on a connection of its own that is already open."""

    async def send() -> list[httpx.Response]:
        clients = [httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_SECONDS) for _ in bodies]
        try:
            await asyncio.gather(*(client.get("/healthz") for client in clients))
            posts = [
                client.post("/play", json=body, headers=headers)
                for client, (body, headers) in zip(clients, bodies, strict=True)
            ]
            return await asyncio.gather(*posts)
        finally:
            await asyncio.gather(*(client.aclose() for client in clients))

    return asyncio.run(send())
