"""What a game remembers of its player: what the player did in the last finished games of the same session.

A game stores the ids of these games when it starts. Everything that computes its features reads these games and no
others, so games side by side, other processes, retries and later imports change nothing.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from rps_core.features.steps import PERSON_COUNTS, person_counts
from rps_core.game.scoring import PlayedRound
from rps_core.store import GameStore

# Counts of one game take about a kilobyte.
MAX_KNOWN_GAMES = 4_000


class PlayerMemory:
    """Reads the earlier games of players, and keeps the counts of the last used ones; safe to share between threads."""

    def __init__(self, store: GameStore, remembered_games: int, max_known: int = MAX_KNOWN_GAMES) -> None:
        self._store = store
        self._remembered_games = remembered_games
        self._max_known = max_known
        self._counts: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def earlier_games(self, session_id: str) -> tuple[str, ...]:
        """Return the ids of the games that a game of this session remembers if it starts now, newest first."""
        return self._store.finished_games(session_id, self._remembered_games) if self._remembered_games else ()

    def counts_of(self, game_ids: Sequence[str]) -> list[int] | None:
        """Return the sum of the player's counts over finished games, or None without games.

        Games that were deleted count nothing.
        """
        if not game_ids:
            return None
        with self._lock:
            known = {game_id: self._counts[game_id] for game_id in game_ids if game_id in self._counts}
        missing = [game_id for game_id in game_ids if game_id not in known]
        if missing:
            for game_id, rounds in self._store.load_played_rounds(missing).items():
                known[game_id] = self.learn(game_id, rounds)
        total = [0] * PERSON_COUNTS
        for counts in known.values():
            total = [count + more for count, more in zip(total, counts, strict=True)]
        return total

    def learn(self, game_id: str, rounds: Iterable[PlayedRound]) -> tuple[int, ...]:
        """Keep the counts of a finished game and return them."""
        counts = tuple(person_counts([rounds]))
        with self._lock:
            self._counts[game_id] = counts
            self._counts.move_to_end(game_id)
            if len(self._counts) > self._max_known:
                self._counts.popitem(last=False)
        return counts
