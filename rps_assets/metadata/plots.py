"""Pictures of reports and comparisons as PNG bytes, and how they are put into metadata."""

import base64
from collections.abc import Sequence
from typing import NamedTuple

import dagster as dg

from rps_core.promotion.statistics import wilson_interval


class Interval(NamedTuple):
    """A value with its confidence interval; the values are shares, 0 to 1."""

    label: str
    value: float
    low: float
    high: float


def rate_interval(label: str, successes: int, trials: int) -> Interval:
    """Return a rate with its two-sided 95 % interval; 0 within 0 to 1 without trials."""
    return Interval(label, successes / trials if trials else 0.0, *wilson_interval(successes, trials))


def intervals_plot(intervals: Sequence[Interval], title: str, what: str, reference: float | None = None) -> bytes:
    """Draw shares with their intervals, the first on top, and a line at a share to compare them with."""
    from rps_assets.training.plots import ACCENT, INK, MUTED, draw_on, to_png

    figure, axes = draw_on(title, height_inches=1.2 + 0.26 * max(len(intervals), 3), left_inches=2.3)
    if reference is not None:
        axes.axvline(reference, color=MUTED, linestyle=":")
    for place, one in enumerate(reversed(intervals)):
        axes.plot([one.low, one.high], [place, place], color=MUTED, linewidth=2)
        axes.plot(one.value, place, marker="o", color=ACCENT)
    axes.set_yticks(range(len(intervals)), [one.label for one in reversed(intervals)], color=INK)
    axes.set_ylim(-0.6, max(len(intervals), 1) - 0.4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(what)
    return to_png(figure)


def inline(name: str, png: bytes) -> dg.MetadataValue:
    """Return a picture as metadata that Dagster shows in place."""
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")
