"""The eight scripted players: Ace, Bob, Cal, Dan, Edd, Fox, Gus and Hal.

Each rule is written once, from the player's own side. The original system ran the same code for users and opponents
without swapping the sides, which inverted two of the eight rules for users and six for opponents. Equal counts resolve
to the move seen last, equal values to the first move in canonical order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from rps_core.game.moves import MOVES, Move, Result, hunter
from rps_core.game.scoring import PlayedRound, Points

Tier: TypeAlias = Literal["high", "mid", "low"]
_T = TypeVar("_T")


class OwnRound(NamedTuple):
    """A completed round from the player's own side; scores are those after the round."""

    own_move: Move
    opp_move: Move
    own_result: Result
    own_score: float
    opp_score: float
    points: Points


def from_user_side(rounds: Iterable[PlayedRound]) -> list[OwnRound]:
    """Return the rounds from the user's side."""
    return [
        OwnRound(played.user_move, played.bot_move, played.result, played.user_score, played.bot_score, played.points)
        for played in rounds
    ]


def decide(player: str, history: Sequence[OwnRound], points: Points, random: Random) -> Move:
    """Return the move of a scripted player, given all rounds so far and the points of the next one.

    Raises:
        KeyError: no scripted player has this name.
    """
    return _RULES[player.strip().lower()](history, points, random)


def display_name(player: str) -> str:
    """Return the display name of a scripted player."""
    return player.strip().capitalize()


def _ranked(points: Points) -> tuple[Move, Move, Move]:
    best, mid, low = sorted(MOVES, key=lambda move: -points[MOVES.index(move)])
    return best, mid, low


def _tier_moves(points: Points) -> dict[Tier, Move]:
    best, mid, low = _ranked(points)
    return {"high": best, "mid": mid, "low": low}


def _losses(history: Sequence[OwnRound], last: int) -> int:
    return sum(played.own_result == "lose" for played in history[-last:])


def _favourite(values: Sequence[_T]) -> tuple[_T, int]:
    counts = Counter(values)
    last_seen = {value: position for position, value in enumerate(values)}
    best = max(counts, key=lambda value: (counts[value], last_seen[value]))
    return best, counts[best]


def _ace(history: Sequence[OwnRound], points: Points, _: Random) -> Move:
    best = _ranked(points)[0]
    if not history or _losses(history, 3) >= 2:
        return best
    return hunter(history[-1].opp_move)


def _bob(history: Sequence[OwnRound], points: Points, _: Random) -> Move:
    best, mid, low = _ranked(points)
    if _losses(history, 3) < 2:
        return (best, low, mid)[len(history) % 3]
    tiers = [
        next(tier for tier, move in _tier_moves(played.points).items() if move == played.opp_move) for played in history
    ]
    return hunter(_tier_moves(points)[_favourite(tiers)[0]])


def _cal(history: Sequence[OwnRound], points: Points, _: Random) -> Move:
    best = _ranked(points)[0]
    return best if _losses(history, 3) == 3 else hunter(best)


def _dan(history: Sequence[OwnRound], points: Points, random: Random) -> Move:
    best = _ranked(points)[0]
    beat = hunter(best)
    (other,) = set(MOVES) - {best, beat}
    value = min(max(points[MOVES.index(best)], 1.5), 2.0)
    best_weight = min(max(value - 1.40, 0.10), 0.60)
    weights = {best: best_weight, beat: 0.30, other: max(0.05, 1 - best_weight - 0.30)}
    recent = history[-10:]
    if recent:
        _adjust_for_recent_rounds(weights, recent, best, beat, other)
    return random.choices(MOVES, weights=[weights[move] for move in MOVES])[0]


def _adjust_for_recent_rounds(
    weights: dict[Move, float], recent: Sequence[OwnRound], best: Move, beat: Move, other: Move
) -> None:
    last = recent[-1]
    if last.own_result == "lose":
        weights[best] += 0.15
    elif last.own_result == "win":
        weights[other] += 0.05
    if last.own_score < last.opp_score:
        weights[beat] += 0.10
    elif last.own_score > last.opp_score:
        weights[other] += 0.05
    favourite, count = _favourite([played.opp_move for played in recent])
    if count >= max(2, len(recent) // 2):
        weights[hunter(favourite)] += 0.10


def _edd(history: Sequence[OwnRound], points: Points, _: Random) -> Move:
    if not history or history[-1].own_result == "lose":
        return _ranked(points)[0]
    return hunter(_favourite([played.opp_move for played in history])[0])


def _fox(history: Sequence[OwnRound], points: Points, _: Random) -> Move:
    mid, low = _ranked(points)[1:]
    lead = history[-1].own_score - history[-1].opp_score if history else 0.0
    if lead > 0:
        return low
    if lead == 0:
        return mid
    counts = Counter(played.opp_move for played in history)
    return hunter(min((move for move in MOVES if move in counts), key=lambda move: counts[move]))


def _gus(history: Sequence[OwnRound], points: Points, random: Random) -> Move:
    if len(history) >= 2 and _losses(history, 2) == 2:
        return random.choice(MOVES)
    # In tenths, because 1.6 - 1.0 exceeds 0.6 in doubles: the original always took this branch.
    if round(max(points) * 10) - round(min(points) * 10) >= 7:
        return _ranked(points)[0]
    if not history:
        return random.choice(MOVES)
    opp_moves = [played.opp_move for played in history]
    if len(opp_moves) >= 2 and opp_moves[-1] == opp_moves[-2]:
        return hunter(opp_moves[-1])
    favourite, count = _favourite(opp_moves)
    return hunter(favourite if count * 2 >= len(opp_moves) else opp_moves[-1])


def _hal(history: Sequence[OwnRound], points: Points, _: Random) -> Move:
    if _losses(history, 3) == 3:
        return _favourite([played.opp_move for played in history[-3:]])[0]
    return _ranked(points)[1]


_RULES: dict[str, Callable[[Sequence[OwnRound], Points, Random], Move]] = {
    "ace": _ace,
    "bob": _bob,
    "cal": _cal,
    "dan": _dan,
    "edd": _edd,
    "fox": _fox,
    "gus": _gus,
    "hal": _hal,
}
SCRIPTED_PLAYERS: tuple[str, ...] = tuple(_RULES)
