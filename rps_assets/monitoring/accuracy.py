"""Live accuracy of each version beside the accuracy on its hold-out: the five-point rule.

The original's operators were told to look closer where live accuracy is more than five points away from what training
said. A version with few predictions is away from it by chance, so that the whole confidence interval must be.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from rps_core.game.families import Family
from rps_core.promotion.statistics import wilson_interval

POINTS = 0.05
MIN_PREDICTIONS = 100

Verdict: TypeAlias = Literal["within", "undecided", "away", "too few", "unknown"]


class RunRecord(NamedTuple):
    """What the predictions of one run came to in play."""

    family: Family
    version: str
    run_id: str
    predictions: int
    correct: int


class LiveAccuracy(NamedTuple):
    """A version's live accuracy (share, 0 to 1) with its 95 % interval, beside its hold-out."""

    record: RunRecord
    holdout: float | None
    live: float
    low: float
    high: float
    verdict: Verdict


def live_accuracies(records: Iterable[RunRecord], holdouts: Mapping[str, float]) -> list[LiveAccuracy]:
    """Judge each run by the rule.

    Args:
        records: what the runs came to.
        holdouts: accuracy on the hold-out by run id; a run without one is `unknown`.
    """
    return [_judged(record, holdouts.get(record.run_id)) for record in records]


def _judged(record: RunRecord, holdout: float | None) -> LiveAccuracy:
    low, high = wilson_interval(record.correct, record.predictions)
    live = record.correct / record.predictions if record.predictions else 0.0
    return LiveAccuracy(record, holdout, live, low, high, _verdict(record, holdout, live, low, high))


def _verdict(record: RunRecord, holdout: float | None, live: float, low: float, high: float) -> Verdict:
    if holdout is None:
        return "unknown"
    if record.predictions < MIN_PREDICTIONS:
        return "too few"
    if high < holdout - POINTS or low > holdout + POINTS:
        return "away"
    return "within" if abs(live - holdout) <= POINTS else "undecided"
