"""Plots of a training run as PNG bytes, drawn without global Matplotlib state."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from rps_assets.training.dataset import IntArray
from rps_assets.training.models import Curve
from rps_core.game.moves import MOVES

INK, ACCENT, MUTED = "#1f2933", "#2563eb", "#9aa5b1"
MOVE_COLOURS = {"rock": "#0072b2", "paper": "#e69f00", "scissors": "#009e73"}


def confusion_plot(matrix: IntArray, title: str) -> bytes:
    """Draw a confusion matrix: rows are played moves, columns predicted moves, cells count and share of the row."""
    figure, axes = draw_on(title, width_inches=4.6, height_inches=4.2)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(matrix.shape):
        colour = "white" if shares[row, column] > 0.55 else INK
        text = f"{matrix[row, column]}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    axes.set_xticks(range(3), MOVES)
    axes.set_yticks(range(3), MOVES)
    axes.set_xlabel("predicted")
    axes.set_ylabel("played")
    return to_png(figure)


def curves_plot(curves: Mapping[str, Curve], best_iteration: int, title: str) -> bytes:
    """Draw the losses over the steps of the fit, and mark the step whose weights were kept."""
    figure, axes = draw_on(title)
    for name, colour in (("train_loss", MUTED), ("val_loss", ACCENT)):
        if name in curves:
            steps, values = zip(*curves[name], strict=True)
            axes.plot(steps, values, color=colour, label=name.replace("_", " "))
    axes.axvline(best_iteration, color=INK, linestyle=":", label=f"kept: step {best_iteration}")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.legend(frameon=False)
    return to_png(figure)


def importance_plot(importance: Sequence[tuple[str, float]], title: str, top: int = 20) -> bytes:
    """Draw the shares of the most important columns, largest on top."""
    bars = list(reversed(importance[:top]))
    figure, axes = draw_on(title, height_inches=1.2 + 0.24 * max(len(bars), 3), left_inches=1.9)
    axes.margins(y=0.01)
    axes.barh([name for name, _ in bars], [share for _, share in bars], color=ACCENT)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the total")
    return to_png(figure)


def calibration_plot(labels: IntArray, probabilities: npt.NDArray[np.float64], title: str, bins: int = 8) -> bytes:
    """Draw how often each move was played against its predicted probability."""
    figure, axes = draw_on(title, width_inches=4.6, height_inches=4.2)
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":")
    edges = np.linspace(0, 1, bins + 1)
    for index, move in enumerate(MOVES):
        predicted, played = probabilities[:, index], labels == index
        bin_of_row = np.clip(np.digitize(predicted, edges) - 1, 0, bins - 1)
        members = [bin_of_row == number for number in range(bins)]
        points = [(predicted[rows].mean(), played[rows].mean()) for rows in members if rows.sum() >= 5]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", color=MOVE_COLOURS[move], label=move)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("share played")
    axes.legend(frameon=False)
    return to_png(figure)


def draw_on(
    title: str, width_inches: float = 6.4, height_inches: float = 4.0, left_inches: float = 0.9
) -> tuple[Figure, Any]:
    """Return a figure and its axes with fixed margins: measuring every label would double the drawing time."""
    figure = Figure(figsize=(width_inches, height_inches), dpi=100)
    figure.subplots_adjust(
        left=left_inches / width_inches,
        right=1 - 0.25 / width_inches,
        bottom=0.6 / height_inches,
        top=1 - 0.6 / height_inches,
    )
    axes = figure.add_subplot()
    # At a fixed height, because looking for a free one measures every label again.
    axes.set_title(title, color=INK, fontsize=11, y=1.0)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG with 64 colours: a quarter of the bytes. Equal figures give equal bytes."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    # Pillow's default, the median cut, takes six times as long.
    picture = pixels.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="png")
    return buffer.getvalue()
