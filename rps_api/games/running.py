"""The running games of one process: what they look like after their last round, and whose turn it is.

Reading a game takes longer than playing its next round, so a process remembers the games that it plays itself. The
store stays the truth: that no round is written twice is settled there, and a game that another process has played on
is read again (`GameService.play`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rps_core.store.games import StoredGame

# Some kilobytes each; a game that is forgotten is read again.
MAX_REMEMBERED_GAMES = 2_000


class RunningGames:
    """Belongs to one event loop; all methods are called there."""

    def __init__(self, max_games: int = MAX_REMEMBERED_GAMES) -> None:
        self._max_games = max_games
        self._games: OrderedDict[str, StoredGame] = OrderedDict()
        self._turns: dict[str, _Turn] = {}

    @property
    def waiting(self) -> int:
        """Number of games that a request is playing, or waiting to play."""
        return len(self._turns)

    def get(self, game_id: str) -> StoredGame | None:
        """Return the game as this process knows it, or None."""
        return self._games.get(game_id)

    def remember(self, game: StoredGame) -> None:
        """Remember a game after a write; a finished one is forgotten, and so is the one played longest ago."""
        self._games.pop(game.id, None)
        if game.finished_at is not None:
            return
        self._games[game.id] = game
        if len(self._games) > self._max_games:
            self._games.popitem(last=False)

    def forget(self, game_id: str) -> None:
        """Forget a game, so that the next request reads it."""
        self._games.pop(game_id, None)

    @asynccontextmanager
    async def turn(self, game_id: str) -> AsyncIterator[None]:
        """Wait until no other request plays this game here, then hold the others off."""
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
    """Who plays a game, and how many want to."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.requests = 0
