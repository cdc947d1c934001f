"""The running games of one process: their state after the last round, and one lock for each.

Reading a game takes longer than playing its next round, so each process remembers the games it plays. The store remains
the source of truth: it prevents duplicate rounds, and `GameService.play` reads a game again if another process has
played it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from rps_core.features.steps import GameSteps
from rps_core.store.games import NewRound, StoredGame

# A few kilobytes each; a forgotten game is read from the store again.
MAX_REMEMBERED_GAMES = 2_000


class RunningGame(NamedTuple):
    """A game as it is stored, and what is known of it before its next round."""

    game: StoredGame
    known: GameSteps

    def after(self, new: NewRound) -> "RunningGame":
        """Return the game after a round that is stored; what was known of the game moves on with it."""
        game = self.game.after(new)
        self.known.take(game.rounds[-1])
        return RunningGame(game, self.known)


class RunningGames:
    """Games in memory; for use in one event loop only."""

    def __init__(self, max_games: int = MAX_REMEMBERED_GAMES) -> None:
        self._max_games = max_games
        self._games: OrderedDict[str, RunningGame] = OrderedDict()
        self._turns: dict[str, _Turn] = {}

    @property
    def waiting(self) -> int:
        """Number of games that a request is playing or waiting to play."""
        return len(self._turns)

    def get(self, game_id: str) -> RunningGame | None:
        """Return the game as this process remembers it, or None."""
        return self._games.get(game_id)

    def remember(self, running: RunningGame) -> None:
        """Remember a game after a write, or forget it if it is finished; the least recently played game makes room."""
        game = running.game
        self._games.pop(game.id, None)
        if game.finished_at is not None:
            return
        self._games[game.id] = running
        if len(self._games) > self._max_games:
            self._games.popitem(last=False)

    def forget(self, game_id: str) -> None:
        """Forget a game, so that the next request reads it from the store."""
        self._games.pop(game_id, None)

    @asynccontextmanager
    async def turn(self, game_id: str) -> AsyncIterator[None]:
        """Hold the lock of a game: requests of this process play it one after the other."""
        turn = self._turns.setdefault(game_id, _Turn())
        turn.requests += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.requests -= 1
            if not turn.requests:
                del self._turns[game_id]


class _Turn:
    """The lock of a game and the number of requests that hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.requests = 0
