"""How many pairs a comparison still needs, if it goes on as before, and when it will have them."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from rps_core.promotion.evidence import log_evidence
from rps_core.promotion.ledger_entry import ComparedConfigurations, LedgerEntry
from rps_core.promotion.progress import Progress

# A comparison that needs more pairs than this is not worth a date.
MOST_PAIRS = 100_000
MOST_DAYS = 3_650
# Most decisions of a comparison that are read for its course.
COURSE_ENTRIES = 500


class CoursePoint(NamedTuple):
    """A comparison at one moment."""

    at: datetime
    pairs: int
    evidence: float | None


def course_of(history: Iterable[LedgerEntry], judged: ComparedConfigurations, now: datetime) -> list[CoursePoint]:
    """Return the course of a comparison: the decisions that judged it against the same players, oldest first, and now.

    Args:
        history: entries of the family.
        judged: the comparison now.
        now: the current time.
    """
    earlier = [
        CoursePoint(entry.created_at, entry.comparison.pairs, entry.comparison.evidence)
        for entry in history
        if entry.comparison is not None
        and (entry.comparison.started_at, entry.comparison.players) == (judged.started_at, judged.players)
        and entry.created_at < now
    ]
    return [*sorted(earlier), CoursePoint(now, judged.pairs, judged.evidence)]


def pairs_a_day(course: Sequence[CoursePoint], started_at: datetime) -> float:
    """Return how fast a comparison grew in the last day, or since its start if it is younger."""
    now = course[-1]
    day_before = [point for point in course if point.at <= now.at - timedelta(days=1)]
    since, pairs = (day_before[-1].at, day_before[-1].pairs) if day_before else (started_at, 0)
    return (now.pairs - pairs) / max((now.at - since) / timedelta(days=1), 1e-6)


class Forecast(NamedTuple):
    """The rest of a comparison.

    Attributes:
        pairs: pairs that are still missing, one game of each side; None if B does not lead clearly enough.
        at: when they will have been played; None if nobody plays.
    """

    pairs: int | None
    at: datetime | None


def forecast(progress: Progress, pairs_a_day: float, now: datetime) -> Forecast:
    """Return how many pairs a swap still needs if both sides keep winning as often, and when it will have them."""
    missing = _pairs_missing(progress)
    if missing is None or pairs_a_day <= 0:
        return Forecast(missing, None)
    days = missing / pairs_a_day
    return Forecast(missing, now + timedelta(days=days) if days <= MOST_DAYS else None)


def _pairs_missing(progress: Progress) -> int | None:
    if progress.is_reached:
        return 0
    if progress.policy != "sequential" or progress.pairs == 0 or progress.b_pairs <= progress.production_pairs:
        return None
    b_share, share = progress.b_pairs / progress.pairs, progress.production_pairs / progress.pairs
    needed = math.log(progress.threshold)

    def suffices(more: int) -> bool:
        return log_evidence(progress.b_pairs + more * b_share, progress.production_pairs + more * share) >= needed

    if not suffices(MOST_PAIRS):
        return None
    low, high = 0, MOST_PAIRS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle + 1, high)
    return max(low, progress.production_games_missing, progress.b_games_missing)
