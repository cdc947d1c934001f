"""Opening gambits: names for the bot's first three moves, before a model predicts.

A gambit names ranks of value: highest, middle or lowest. The points of the game decide which moves these are. Under the
rule `expected_value` the gambit is drawn by weight at the start. Under the other rules the moves are drawn one by one
from the equilibrium, and the opening has a name if a gambit fits.
"""

from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple, TypeAlias, get_args

from rps_core.game.moves import MOVES, Move
from rps_core.game.scoring import PlayedRound, Points, round_points

Rank: TypeAlias = Literal["highest", "middle", "lowest"]

OPENING_ROUNDS = 3
# The first round that a model predicts, and the first that trains a model.
FIRST_POLICY_ROUND = OPENING_ROUNDS + 1

_ORDER: tuple[Rank, ...] = get_args(Rank)
_RANKS: dict[str, Rank] = {"H": "highest", "M": "middle", "L": "lowest"}


class Gambit(NamedTuple):
    """A scripted opening; `weight` is its share of the games in percent."""

    name: str
    ranks: tuple[Rank, Rank, Rank]
    weight: int


def _gambit(name: str, letters: str, weight: int) -> Gambit:
    first, second, third = (_RANKS[letter] for letter in letters)
    return Gambit(name, (first, second, third), weight)


GAMBITS: tuple[Gambit, ...] = (
    _gambit("crescendo", "LMH", 14),
    _gambit("denouement", "HML", 12),
    _gambit("paper-dolls", "LMM", 12),
    _gambit("fistful-of-dollars", "HLL", 10),
    _gambit("scissor-sandwich", "LML", 8),
    _gambit("bureaucrat", "LLL", 6),
    _gambit("avalanche", "HHH", 8),
    _gambit("toolbox", "MMM", 6),
    _gambit("razor", "MLH", 12),
    _gambit("switchblade", "MHL", 12),
)


def draw_gambit(random: Random) -> Gambit:
    """Draw a gambit by weight."""
    position = random.randrange(sum(gambit.weight for gambit in GAMBITS))
    for gambit in GAMBITS:
        position -= gambit.weight
        if position < 0:
            return gambit
    raise AssertionError("the weights cover every position")


def named_gambit(opening: Sequence[PlayedRound]) -> Gambit | None:
    """Return the gambit that the bot's moves of three rounds make, or None."""
    ranks = tuple(_by_value(played.points).index(played.bot_move) for played in opening)
    return next((gambit for gambit in GAMBITS if tuple(map(_ORDER.index, gambit.ranks)) == ranks), None)


def resolve_gambit(key: str, gambit: Gambit) -> tuple[Move, Move, Move]:
    """Return the three moves of a gambit under the points of the game with this key."""
    first, second, third = (_move_of_rank(key, round_no, rank) for round_no, rank in enumerate(gambit.ranks, start=1))
    return first, second, third


def _move_of_rank(key: str, round_no: int, rank: Rank) -> Move:
    return _by_value(round_points(key, round_no))[_ORDER.index(rank)]


def _by_value(points: Points) -> list[Move]:
    return sorted(MOVES, key=lambda move: points[MOVES.index(move)], reverse=True)
