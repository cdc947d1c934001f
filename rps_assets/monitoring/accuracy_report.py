"""Live accuracies of the newest versions of each family, as rows and as a plot."""

from collections import Counter
from collections.abc import Sequence

from rps_assets.monitoring.accuracy import LiveAccuracy
from rps_assets.training.intervals import Interval, intervals_plot

# The versions in the slots are among the newest.
VERSIONS_PER_FAMILY = 12


def newest_of_each(found: Sequence[LiveAccuracy]) -> list[LiveAccuracy]:
    """Return the newest versions of each family; `found` has the newest first."""
    counts, newest = Counter[str](), []
    for accuracy in found:
        counts[accuracy.record.family] += 1
        if counts[accuracy.record.family] <= VERSIONS_PER_FAMILY:
            newest.append(accuracy)
    return newest


def accuracy_plot(found: Sequence[LiveAccuracy]) -> bytes:
    """Draw live minus hold-out accuracy of the newest versions; differences within five points are as expected."""
    intervals = [
        Interval(
            f"{accuracy.record.family} v{accuracy.record.version}",
            accuracy.live - accuracy.holdout,
            accuracy.low - accuracy.holdout,
            accuracy.high - accuracy.holdout,
        )
        for accuracy in newest_of_each(found)
        if accuracy.holdout is not None and accuracy.record.predictions
    ]
    return intervals_plot(intervals, "Live accuracy against the hold-out", "live minus hold-out", 0.0)
