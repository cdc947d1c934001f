"""The win probability at every score, before the values of the next round are known."""

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from rps_core.game.equilibrium.stakes import Stakes
from rps_core.game.scoring import DRAW_POINTS, LOWEST_POINTS, MIDDLE_POINTS, TARGET_POINTS, TOP_STEP_POINTS, tenths

if TYPE_CHECKING:
    import numpy as np

TARGET, DRAW = tenths(TARGET_POINTS), tenths(DRAW_POINTS)
_LOWEST, _TOP_STEP = tenths(LOWEST_POINTS), tenths(TOP_STEP_POINTS)
_MIDDLES = tuple(tenths(points) for points in MIDDLE_POINTS)
_LARGEST = max(_MIDDLES) + _TOP_STEP
# The points of both sides together grow by at least this much in a round: twice a draw, or the lowest value.
_SHORTEST_STEP = min(2 * DRAW, _LOWEST)

Values: TypeAlias = tuple[int, int, int]
_Grid: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


def value_patterns() -> list[tuple[float, Values]]:
    """Return the values that a round can have, with their probabilities.

    A rotation of the moves changes nothing in the game, so five patterns stand for fifteen. The probabilities are those
    of two bytes modulo 5, as `round_points` draws the middle value.
    """
    count = len(_MIDDLES)
    return [
        ((65_536 + count - 1 - place) // count / 65_536, (_LOWEST, middle, middle + _TOP_STEP))
        for place, middle in enumerate(_MIDDLES)
    ]


class WinTable:
    """The bot's probability to win, by the scores in tenths.

    Args:
        probabilities: one for each pair of scores below the target, user's score first.
    """

    def __init__(self, probabilities: Sequence[float]) -> None:
        self._flat = array("d", probabilities)

    @property
    def size_bytes(self) -> int:
        """Memory of the table."""
        return self._flat.itemsize * len(self._flat)

    def at(self, user: int, bot: int) -> float:
        """Return the bot's win probability at any scores, also those of a finished game."""
        if user < TARGET > bot:
            return self._flat[user * TARGET + bot]
        if user == bot:
            return 0.5
        return 1.0 if bot > user else 0.0


@lru_cache(maxsize=1)
def win_table() -> WinTable:
    """Return the table; the first call solves the game, which takes about 20 ms."""
    return WinTable(solve().ravel().tolist())


def solve() -> _Grid:
    """Return the bot's win probability at all scores below the target, if both sides play perfectly."""
    # Only a process that plays needs it, and importing it would slow down every command.
    import numpy as np

    user, bot = np.meshgrid(np.arange(TARGET + _LARGEST), np.arange(TARGET + _LARGEST), indexing="ij")
    ended = np.maximum(user, bot) >= TARGET
    wins = np.where(ended, np.where(user == bot, 0.5, bot > user), np.nan)
    total = np.where(ended, -1, user + bot)
    patterns = value_patterns()
    # Within a band, no score can lead to another one: the whole band is solved at once.
    for low in range(2 * TARGET - _SHORTEST_STEP, -1, -_SHORTEST_STEP):
        users, bots = np.nonzero((total >= low) & (total < low + _SHORTEST_STEP))
        wins[users, bots] = sum(weight * _after_perfect_round(wins, users, bots, values) for weight, values in patterns)
    return wins[:TARGET, :TARGET]


def _after_perfect_round(wins: _Grid, user: Any, bot: Any, values: Values) -> Any:
    """Return the win probability before a round with known values, at many scores at once."""
    draw = wins[user + DRAW, bot + DRAW]
    first, second, third = (wins[user, bot + value] - draw for value in values)
    gains = (first, second, third)
    first, second, third = (draw - wins[user + value, bot] for value in values)
    return Stakes(gains, (first, second, third), draw).win_probability
