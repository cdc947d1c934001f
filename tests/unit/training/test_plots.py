"""Plots are valid and reproducible PNG files, drawn without Matplotlib's global state."""

import io
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import image

from rps_assets.training.plots import calibration_plot, confusion_plot, curves_plot, importance_plot

RNG = np.random.default_rng(4)
LABELS = RNG.integers(0, 3, 200)
PROBABILITIES = RNG.dirichlet([1, 1, 1], 200)
CURVES = {"train_loss": [(1, 1.0), (2, 0.5)], "val_loss": [(1, 1.1), (2, 0.9)]}

PLOTS: dict[str, Callable[[], bytes]] = {
    "confusion": lambda: confusion_plot(np.array([[5, 1, 0], [2, 9, 1], [0, 0, 7]]), "Hold-out"),
    "confusion of nothing": lambda: confusion_plot(np.zeros((3, 3), dtype=np.int64), "Hold-out"),
    "curves": lambda: curves_plot(CURVES, 2, "Fit"),
    "curves of one step": lambda: curves_plot({"val_loss": [(1, 1.0)]}, 1, "Fit"),
    "importance": lambda: importance_plot([(f"column {n}", 1 / (n + 2)) for n in range(50)], "Importance"),
    "importance of nothing": lambda: importance_plot([], "Importance"),
    "calibration": lambda: calibration_plot(LABELS, PROBABILITIES, "Calibration"),
    "calibration of few examples": lambda: calibration_plot(LABELS[:40], PROBABILITIES[:40], "Calibration"),
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_an_image_that_is_not_empty(name: str) -> None:
    pixels = image.imread(io.BytesIO(PLOTS[name]()))

    height, width = pixels.shape[:2]
    assert 150 <= height <= 1200
    assert 400 <= width <= 1200
    assert 0.0 < (pixels[..., :3] < 0.5).any(axis=-1).mean() < 0.5


@pytest.mark.parametrize("name", PLOTS)
def test_equal_plots_have_equal_bytes(name: str) -> None:
    assert PLOTS[name]() == PLOTS[name]()


def test_another_matrix_gives_another_plot() -> None:
    assert confusion_plot(np.eye(3, dtype=np.int64), "t") != confusion_plot(2 * np.eye(3, dtype=np.int64), "t")


def test_plotting_leaves_the_global_settings_of_matplotlib_unchanged() -> None:
    before = dict(mpl.rcParams)

    for draw in PLOTS.values():
        draw()

    assert dict(mpl.rcParams) == before
