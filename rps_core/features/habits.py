"""One habit of a person to work on, from the counts behind the columns of contract version 3."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rps_core.features.steps import HABIT_AT, MOVES_AT, RANK_AT, RANK_RANK_AT, RANK_RESULT_AT, RESULT_AT, STEP_AT
from rps_core.game.moves import MOVES

# A habit needs this many cases, and is this many standard deviations above what is usual.
_FEWEST_CASES, _LEAST_SURPRISE = 4, 2.0
_EVEN = (1 / 3, 1 / 3, 1 / 3)
# Perfect play of an even game: the most, the least and the middle valuable move.
_USUAL_RANKS = (0.32, 0.44, 0.24)
_RESULTS = ("a draw", "a win", "a loss")
_STEPS = (
    "played the same move again",
    "played the move that beats your last one",
    "played the move that your last one beats",
)
_AFTER_STEPS = (
    "playing a move twice",
    "going from a move to the one that beats it",
    "going from a move to the one that it beats",
)
_RANKS = ("the move worth most", "the move worth least", "the move of middle value")
_PLAYED_RANKS = tuple(f"played {rank}" for rank in _RANKS)


class _Share(NamedTuple):
    """How often a person did something in a situation, and how often a person without habits does."""

    situation: str
    action: str
    times: int
    total: int
    usual: float

    @property
    def surprise(self) -> float:
        expected = self.total * self.usual
        return (self.times - expected) / math.sqrt(expected * (1 - self.usual))


def habit_to_work_on(person: Sequence[int], games: int = 1) -> str | None:
    """Return the habit that is furthest from play without habits, as a sentence; None if there is none.

    Args:
        person: what the person did (`GameSteps.person`).
        games: number of games that the counts come from.
    """
    found = max((share for share in _shares(person) if share.total >= _FEWEST_CASES), key=_surprise_of, default=None)
    if found is None or found.surprise < _LEAST_SURPRISE:
        return None
    scope = "" if games == 1 else f" in your last {games} games"
    return f"One habit to work on: {found.situation}you {found.action} {found.times} of {found.total} times{scope}."


def _surprise_of(share: _Share) -> float:
    return share.surprise


def _shares(person: Sequence[int]) -> Iterator[_Share]:
    yield from _of(person, HABIT_AT, "", [f"played {move}" for move in MOVES])
    yield from _of(person, RANK_AT, "", _PLAYED_RANKS, _USUAL_RANKS)
    for number, result in enumerate(_RESULTS):
        yield from _of(person, RESULT_AT + 3 * number, f"after {result}, ", _STEPS)
        yield from _of(person, RANK_RESULT_AT + 3 * number, f"after {result}, ", _PLAYED_RANKS, _USUAL_RANKS)
    for number, step in enumerate(_AFTER_STEPS):
        yield from _of(person, STEP_AT + 3 * number, f"after {step}, ", _STEPS)
    for number, rank in enumerate(_RANKS):
        yield from _of(person, RANK_RANK_AT + 3 * number, f"after {rank}, ", _PLAYED_RANKS, _USUAL_RANKS)
    for number in range(9):
        last, before = MOVES[number // 3], MOVES[number % 3]
        yield from _of(person, MOVES_AT + 3 * number, f"after {before} and then {last}, ", _STEPS)


def _of(
    person: Sequence[int], at: int, situation: str, actions: Sequence[str], usual: Sequence[float] = _EVEN
) -> Iterator[_Share]:
    counts = person[at : at + 3]
    for action, times, expected in zip(actions, counts, usual, strict=True):
        yield _Share(situation, action, times, sum(counts), expected)
