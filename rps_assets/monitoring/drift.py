"""Drift of play away from the training dataset: the population stability index.

With r and c the shares of reference and current rows in a bin, PSI = Σ (c - r) · ln(c / r) over the bins, the
symmetrised Kullback-Leibler divergence. The usual reading (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 the
population is stable, above 0.25 it has changed. Two samples of one population have (bins - 1) · (1/n + 1/m) by chance.
The rows of a game resemble each other, so that few games differ by more: the limit is what samples of as many training
games reach by chance, and at least 0.25.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from rps_core.features.contract import FeatureContract
from rps_core.store.reports import DRIFTED

BINS = 10
# Columns with at most this many values get one bin per value: one-hot columns, round numbers, points.
MAX_CATEGORIES = 20
# With fewer rows on a side, the index comes near the threshold by chance.
MIN_ROWS = 200
MAX_CURRENT_ROWS = 1_000
STABLE, MOVED = 0.1, DRIFTED
# Samples of training games. The largest index of them is exceeded by chance once in as many comparisons.
RESAMPLES = 300
MAX_RESAMPLED_GAMES = 2_000


class Drift(NamedTuple):
    """Comparison of the newest games with the training dataset.

    Attributes:
        reference_rows: examples of the dataset that are not from the newest games.
        current_rows: examples of the newest games.
        by_column: index of each feature and of the label, largest first; empty if a side has too few rows.
        limits: for the features and the label, the index above which play has changed; empty if a side has too few.
    """

    reference_rows: int
    current_rows: int
    by_column: tuple[tuple[str, float], ...]
    limits: Mapping[str, float] = MappingProxyType({})

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
    columns = (*contract.columns, "label")
    scores = [(column, stability_index(reference[column].to_numpy(), newest[column].to_numpy())) for column in columns]
    limits = limits_by_chance(reference, columns, newest["game_id"].n_unique())
    return Drift(len(reference), len(newest), tuple(sorted(scores, key=lambda item: -item[1])), limits)


def limits_by_chance(reference: pl.DataFrame, columns: Sequence[str], games: int) -> dict[str, float]:
    """Return the largest index that samples of the reference's own games reach, and at least `MOVED`.

    Args:
        reference: examples with their `game_id`.
        columns: the features, and the label last.
        games: number of games in a sample.
    """
    random, ids = np.random.default_rng(RESAMPLES), reference["game_id"].unique(maintain_order=True)
    if len(ids) > MAX_RESAMPLED_GAMES:
        drawn = random.choice(len(ids), size=MAX_RESAMPLED_GAMES, replace=False)
        reference = reference.filter(pl.col("game_id").is_in(ids[drawn.tolist()].implode()))
    _, game_of = np.unique(reference["game_id"].to_numpy().astype(str), return_inverse=True)
    n_games = int(game_of.max()) + 1
    chosen = np.zeros((RESAMPLES, n_games))
    for row in chosen:
        row[random.choice(n_games, size=min(games, n_games // 2), replace=False)] = 1.0
    largest = {"features": np.full(RESAMPLES, MOVED), "label": np.full(RESAMPLES, MOVED)}
    for column in columns:
        values = reference[column].to_numpy()
        edges = _edges(values)
        by_game = np.zeros((n_games, len(edges) + 1))
        np.add.at(by_game, (game_of, np.searchsorted(edges, values, side="left")), 1.0)
        sampled = chosen @ by_game
        before, now = (
            counts / counts.sum(axis=1, keepdims=True)
            for counts in (by_game.sum(axis=0) - sampled + 0.5, sampled + 0.5)
        )
        scope = "label" if column == columns[-1] else "features"
        largest[scope] = np.maximum(largest[scope], ((now - before) * np.log(now / before)).sum(axis=1))
    return {scope: float(found.max()) for scope, found in largest.items()}


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
