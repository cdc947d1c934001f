"""Shares with confidence intervals, and plots of them as PNG bytes."""

from collections.abc import Sequence
from typing import NamedTuple

from rps_core.promotion.statistics import wilson_interval


class Interval(NamedTuple):
    """A value with its confidence interval; all three are shares, 0 to 1."""

    label: str
    value: float
    low: float
    high: float


def rate_interval(label: str, successes: int, trials: int) -> Interval:
    """Return a rate with its two-sided 95 % interval; without trials the rate is 0 and the interval 0 to 1."""
    return Interval(label, successes / trials if trials else 0.0, *wilson_interval(successes, trials))


def intervals_plot(intervals: Sequence[Interval], title: str, x_label: str, reference: float | None = None) -> bytes:
    """Draw shares with their intervals, the first on top, and a dotted line at `reference` for comparison."""
    # The code location imports this module and must load without Matplotlib.
    from rps_assets.training.plots import ACCENT, INK, MUTED, draw_on, to_png

    figure, axes = draw_on(title, height_inches=1.2 + 0.26 * max(len(intervals), 3), left_inches=2.3)
    if reference is not None:
        axes.axvline(reference, color=MUTED, linestyle=":")
    for place, interval in enumerate(reversed(intervals)):
        axes.plot([interval.low, interval.high], [place, place], color=MUTED, linewidth=2)
        axes.plot(interval.value, place, marker="o", color=ACCENT)
    axes.set_yticks(range(len(intervals)), [interval.label for interval in reversed(intervals)], color=INK)
    axes.set_ylim(-0.6, max(len(intervals), 1) - 0.4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(x_label)
    return to_png(figure)
