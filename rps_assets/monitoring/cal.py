"""The Cal probe: Cal's move follows from the points, so a model that learned from him must also predict him live.

If live accuracy is far below the accuracy on unseen games, serving and training compute different features. The
original system predicted Cal no better than chance for weeks, because serving ordered its features differently.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple, TypeAlias

import polars as pl

from rps_assets.monitoring.accuracy import POINTS
from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.evaluation import accuracy
from rps_assets.training.onnx_export import predict_onnx
from rps_assets.training.splits import production_split_of
from rps_core.bundle import Bundle
from rps_core.promotion.statistics import wilson_interval

CAL = "Cal"
MIN_PREDICTIONS = 30

CalVerdict: TypeAlias = Literal["as expected", "too low", "too few", "no hold-out"]


class CalProbe(NamedTuple):
    """Accuracy on Cal's rounds (shares, 0 to 1): live with its 95 % interval, and on games that did not train."""

    slot: str
    version: str
    predictions: int
    live: float
    low: float
    high: float
    holdout: float | None
    holdout_examples: int
    verdict: CalVerdict


def probe_cal(
    slot: str, version: str, predictions: int, correct: int, holdout: float | None, holdout_examples: int
) -> CalProbe:
    """Compare a version's live accuracy on Cal's rounds with its accuracy on games that did not train it."""
    low, high = wilson_interval(correct, predictions)
    live = correct / predictions if predictions else 0.0
    verdict: CalVerdict = "as expected"
    if holdout is None or holdout_examples < MIN_PREDICTIONS:
        verdict = "no hold-out"
    elif predictions < MIN_PREDICTIONS:
        verdict = "too few"
    elif high < holdout - POINTS:
        verdict = "too low"
    return CalProbe(slot, version, predictions, live, low, high, holdout, holdout_examples, verdict)


def cal_holdout(frame: pl.DataFrame, cal_games: Collection[str], bundle: Bundle) -> tuple[float | None, int]:
    """Return a registered graph's accuracy on Cal's examples that did not train it, and the number of examples.

    Args:
        frame: the dataset that trained it; every fifth game was used only for early stopping.
        cal_games: ids of Cal's games.
        bundle: the registered graph.
    """
    dataset = TrainingDataset.from_frame(frame, "", bundle.contract)
    unseen = production_split_of(dataset).validation
    is_cal = frame["game_id"].is_in(list(cal_games)).to_numpy()[unseen]
    rows = unseen[is_cal]
    if len(rows) == 0:
        return None, 0
    return accuracy(dataset.labels[rows], predict_onnx(bundle.onnx_bytes, dataset.features[rows])), len(rows)
