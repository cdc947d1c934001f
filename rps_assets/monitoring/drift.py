"""Drift of play away from the training dataset: the population stability index.

With r and c the shares of reference and current rows in a bin, PSI = Σ (c - r) · ln(c / r) over the bins, the
symmetrised Kullback-Leibler divergence. The usual reading (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 the
population is stable, above 0.25 it has changed. Two samples of one population have (bins - 1) · (1/n + 1/m) by chance.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from rps_core.features.contract import FeatureContract

BINS = 10
# Columns with at most this many values get one bin per value: one-hot columns, round numbers, points.
MAX_CATEGORIES = 20
# With fewer rows on a side, the index comes near the threshold by chance.
MIN_ROWS = 200
MAX_CURRENT_ROWS = 1_000
STABLE, MOVED = 0.1, 0.25


class Drift(NamedTuple):
    """Comparison of the newest games with the training dataset.

    Attributes:
        reference_rows: examples of the dataset that are not from the newest games.
        current_rows: examples of the newest games.
        by_column: index of each feature and of the label, largest first; empty if a side has too few rows.
    """

    reference_rows: int
    current_rows: int
    by_column: tuple[tuple[str, float], ...]

    @property
    def scores(self) -> dict[str, float]:
        """The largest index of a feature, and the index of the label; empty if a side has too few rows."""
        if not self.by_column:
            return {}
        features = [score for column, score in self.by_column if column != "label"]
        return {"features": max(features), "label": dict(self.by_column)["label"]}


def measure_drift(dataset: pl.DataFrame, newest: pl.DataFrame, contract: FeatureContract) -> Drift:
    """Compare the examples of the newest games with those of the training dataset that come from other games."""
    reference = dataset.join(newest.select("game_id").unique(), on="game_id", how="anti")
    if min(len(reference), len(newest)) < MIN_ROWS:
        return Drift(len(reference), len(newest), ())
    scores = [
        (column, stability_index(reference[column].to_numpy(), newest[column].to_numpy()))
        for column in (*contract.columns, "label")
    ]
    return Drift(len(reference), len(newest), tuple(sorted(scores, key=lambda item: -item[1])))


def stability_index(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> float:
    """Return the population stability index of two samples of one column.

    If the reference has few distinct values, each is a bin; otherwise the bins are its tenths. Half a row is added to
    each bin, so an empty bin does not make the index infinite.
    """
    edges = _edges(reference)
    shares = []
    for sample in (reference, current):
        counts = np.bincount(np.searchsorted(edges, sample, side="left"), minlength=len(edges) + 1) + 0.5
        shares.append(counts / counts.sum())
    before, now = shares
    return float(((now - before) * np.log(now / before)).sum())


def _edges(reference: npt.NDArray[Any]) -> npt.NDArray[Any]:
    values = np.unique(reference)
    if len(values) <= MAX_CATEGORIES:
        return np.asarray((values[1:] + values[:-1]) / 2)
    return np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
