"""The accuracy of models on recorded people as a picture."""

from collections.abc import Sequence

from rps_assets.training.intervals import Interval, intervals_plot
from rps_cli.evaluation.figures import SUMMARY_WINDOW, WindowFigures
from rps_cli.evaluation.models import EvaluatedModel


def accuracy_plot(figures: Sequence[tuple[EvaluatedModel, Sequence[WindowFigures]]], title: str) -> bytes:
    """Draw the accuracy of each model in rounds 4 to 30 with its interval over people, as PNG; a third is a guess."""
    intervals = [
        Interval(str(model), one.accuracy, one.accuracy_low, one.accuracy_high)
        for model, found in figures
        for one in found
        if one.window == SUMMARY_WINDOW
    ]
    return intervals_plot(
        intervals, f"{title}, rounds {SUMMARY_WINDOW}", "accuracy on recorded people (dotted: guessing)", 1 / 3
    )
