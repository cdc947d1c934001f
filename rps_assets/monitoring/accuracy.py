"""Comparison of each version's live accuracy with its accuracy on the hold-out: the five-point rule.

A version needs attention if its live accuracy is more than five points away from the hold-out. A few predictions can
be that far away by chance, so the rule requires it of the whole confidence interval.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from rps_core.game.families import Family
from rps_core.promotion.statistics import wilson_interval

POINTS = 0.05
MIN_PREDICTIONS = 100

AccuracyVerdict: TypeAlias = Literal["within", "undecided", "away", "too few", "unknown"]


class RunRecord(NamedTuple):
    """Predictions of a run in play, and how many were correct."""

    family: Family
    version: str
    run_id: str
    predictions: int
    correct: int


class LiveAccuracy(NamedTuple):
    """A version's live accuracy (share, 0 to 1) with its 95 % interval, and its accuracy on the hold-out."""

    record: RunRecord
    holdout: float | None
    live: float
    low: float
    high: float
    verdict: AccuracyVerdict


def live_accuracies(records: Iterable[RunRecord], holdouts: Mapping[str, float]) -> list[LiveAccuracy]:
    """Apply the five-point rule to each run.

    Args:
        records: predictions of the runs.
        holdouts: accuracy on the hold-out by run id; a run without it gets the verdict `unknown`.
    """
    return [_judged(record, holdouts.get(record.run_id)) for record in records]


def _judged(record: RunRecord, holdout: float | None) -> LiveAccuracy:
    low, high = wilson_interval(record.correct, record.predictions)
    live = record.correct / record.predictions if record.predictions else 0.0
    return LiveAccuracy(record, holdout, live, low, high, _verdict(record, holdout, live, low, high))


def _verdict(record: RunRecord, holdout: float | None, live: float, low: float, high: float) -> AccuracyVerdict:
    if holdout is None:
        return "unknown"
    if record.predictions < MIN_PREDICTIONS:
        return "too few"
    if high < holdout - POINTS or low > holdout + POINTS:
        return "away"
    return "within" if abs(live - holdout) <= POINTS else "undecided"
