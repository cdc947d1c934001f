"""The value of each move in a round, the points a round gives, and the end of a game."""

import hashlib
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from rps_core.game.moves import MOVE_INDEX, MOVES, Move, Result, hunter, prey, round_result

Points: TypeAlias = tuple[float, float, float]
Winner: TypeAlias = Literal["user", "bot", "tie"]

TARGET_POINTS = 10.0
DRAW_POINTS = 0.5
# The move worth least in a round, what the middle one can be worth, and what the best one is worth more than that.
LOWEST_POINTS = 1.0
MIDDLE_POINTS = (1.1, 1.2, 1.3, 1.4, 1.5)
TOP_STEP_POINTS = 0.5
# Scores in files and in games from before scores were counted in tenths are sums of doubles: 1.5 + 1.3 + … can be
# 9.999999999999998.
TARGET_TOLERANCE_POINTS = 1e-6
# Every round gives at least one point in total, so twenty draws are the longest game.
MAX_ROUNDS = 20


class PlayedRound(NamedTuple):
    """A completed round. Scores are those after the round; points are in canonical order of the moves."""

    round_no: int
    user_move: Move
    bot_move: Move
    points: Points
    user_score: float
    bot_score: float

    @property
    def result(self) -> Result:
        """The result from the user's side."""
        return round_result(self.user_move, self.bot_move)


class RoundOutcome(NamedTuple):
    """The effect of a round on the scores; `winner` is None while the game continues."""

    user_delta: float
    bot_delta: float
    user_score: float
    bot_score: float
    finished: bool
    winner: Winner | None


@lru_cache(maxsize=8192)
def round_points(key: str, round_no: int) -> Points:
    """Return the value of rock, paper and scissors in one round of the game with this key.

    The values are deterministic, so anyone who knows the key can check them. Two bytes of SHA-256 over
    ``<key>:<n>:low`` choose the move worth 1.0. Two bytes over ``<key>:<n>:base`` choose the value of the middle move,
    1.1 to 1.5. The move that the lowest move defeats is worth half a point more than the middle one. Values are
    computed in tenths, so each is the double nearest to its decimal.
    """
    low = MOVES[_hashed(key, round_no, "low") % 3]
    middle = MIDDLE_POINTS[_hashed(key, round_no, "base") % len(MIDDLE_POINTS)]
    top = in_points(tenths(middle) + tenths(TOP_STEP_POINTS))
    points = dict.fromkeys(MOVES, middle) | {low: LOWEST_POINTS, prey(low): top}
    return points["rock"], points["paper"], points["scissors"]


def tenths(points: float) -> int:
    """Return points or a score in whole tenths, the unit in which the game counts."""
    return round(points * 10)


def in_points(count: int) -> float:
    """Return whole tenths as points: the double nearest to the decimal."""
    return count / 10


def _hashed(key: str, round_no: int, purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{key}:{round_no}:{purpose}".encode()).digest()[:2], "big")


def round_deltas(user_move: Move, bot_move: Move, points: Points) -> tuple[float, float]:
    """Return the points that user and bot gain.

    The winner gains the value of its move; after a draw both gain half a point.
    """
    if user_move == bot_move:
        return DRAW_POINTS, DRAW_POINTS
    if hunter(bot_move) == user_move:
        return points[MOVE_INDEX[user_move]], 0.0
    return 0.0, points[MOVE_INDEX[bot_move]]


def reaches_target(score: float) -> bool:
    """Return whether a score ends the game, allowing for rounding in sums of doubles."""
    return TARGET_POINTS - score <= TARGET_TOLERANCE_POINTS


def play_round(user_score: float, bot_score: float, user_move: Move, bot_move: Move, points: Points) -> RoundOutcome:
    """Score one round, given the scores before it.

    Scores are counted in whole tenths, so two equal scores are equal doubles however they came about, and a tie is a
    tie. A score above 10 is kept.
    """
    user_delta, bot_delta = round_deltas(user_move, bot_move, points)
    user_score, bot_score = _counted(user_score + user_delta), _counted(bot_score + bot_delta)
    winner = winner_of(user_score, bot_score)
    return RoundOutcome(user_delta, bot_delta, user_score, bot_score, winner is not None, winner)


def winner_of(user_score: float, bot_score: float) -> Winner | None:
    """Return the winner at these scores, or None if neither side has reached the target."""
    if not (reaches_target(user_score) or reaches_target(bot_score)):
        return None
    if user_score == bot_score:
        return "tie"
    return "user" if user_score > bot_score else "bot"


def _counted(score: float) -> float:
    """Return a score in whole tenths; only rounds from files can have other values, and their sums stay as they are."""
    counted = in_points(tenths(score))
    return counted if abs(score - counted) <= TARGET_TOLERANCE_POINTS else score
