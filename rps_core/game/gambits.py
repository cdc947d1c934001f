"""Opening gambits: the scripted first three rounds of every bot.

A gambit names ranks of value: highest, middle or lowest. The points of the game decide which moves these are.
"""

from random import Random
from typing import Literal, NamedTuple, TypeAlias

from rps_core.game.moves import MOVES, Move
from rps_core.game.scoring import round_points

Rank: TypeAlias = Literal["highest", "middle", "lowest"]

OPENING_ROUNDS = 3
# The first round that a model predicts, and the first that trains a model.
FIRST_POLICY_ROUND = OPENING_ROUNDS + 1

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


def resolve_gambit(game_id: str, gambit: Gambit) -> tuple[Move, Move, Move]:
    """Return the three moves of a gambit under the points of this game."""
    first, second, third = (
        _move_of_rank(game_id, round_no, rank) for round_no, rank in enumerate(gambit.ranks, start=1)
    )
    return first, second, third


def _move_of_rank(game_id: str, round_no: int, rank: Rank) -> Move:
    points = round_points(game_id, round_no)
    by_value = sorted(MOVES, key=lambda move: points[MOVES.index(move)], reverse=True)
    return by_value[("highest", "middle", "lowest").index(rank)]
