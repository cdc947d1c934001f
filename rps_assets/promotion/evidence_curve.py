"""The picture of a comparison: its evidence over the pairs, and the threshold."""

from collections.abc import Sequence

from rps_core.promotion.forecast import CoursePoint
from rps_core.promotion.ledger_entry import ComparedConfigurations
from rps_core.promotion.rules import PolicyName


def evidence_curve(course: Sequence[CoursePoint], judged: ComparedConfigurations, policy: PolicyName) -> bytes:
    """Draw the evidence at each decision of a comparison as a PNG; a dotted line marks what a swap needs."""
    # The code location imports this module and must load without Matplotlib.
    from rps_assets.training.plots import ACCENT, MUTED, draw_on, to_png

    figure, axes = draw_on(f"{judged.b} in B against {judged.production} in Production")
    points = [(point.pairs, point.evidence) for point in course if point.evidence is not None]
    if policy == "sequential":
        # Without pairs, the evidence is 1.
        points = [(0, 1.0), *points]
        axes.set_yscale("log")
    if points:
        axes.plot(*zip(*points, strict=True), color=ACCENT, marker="o", markersize=3, label="evidence that B is better")
    axes.axhline(judged.threshold, color=MUTED, linestyle=":", label=f"a swap needs {judged.threshold:.4g}")
    axes.set_xlabel("pairs of games")
    axes.set_ylabel("evidence")
    axes.legend(frameon=False)
    return to_png(figure)
