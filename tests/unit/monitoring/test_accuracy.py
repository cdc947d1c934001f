"""The five-point rule and the Cal probe."""

import pytest

from rps_assets.monitoring.accuracy import RunRecord, live_accuracies
from rps_assets.monitoring.cal import cal_holdout, probe_cal
from rps_assets.training.onnx_export import predict_onnx
from rps_core.bundle import Bundle
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.promotion.statistics import wilson_interval
from tests.builders.bundles import manifest
from tests.builders.models import expecting
from tests.builders.simulation import dataset_frame


def verdict(predictions: int, correct: int, holdout: float | None) -> str:
    run = "a" * 32
    record = RunRecord("xgboost", "7", run, predictions, correct)
    (found,) = live_accuracies([record], {} if holdout is None else {run: holdout})
    return found.verdict


@pytest.mark.parametrize(
    ("predictions", "correct", "holdout", "expected"),
    [
        (5_000, 3_000, 0.60, "within"),
        (5_000, 3_000, 0.64, "within"),
        (5_000, 1_700, 0.60, "away"),
        (5_000, 4_000, 0.60, "away"),
        (120, 60, 0.60, "undecided"),
        (99, 0, 0.60, "too few"),
        (5_000, 3_000, None, "unknown"),
        (0, 0, 0.60, "too few"),
    ],
)
def test_a_version_is_away_only_if_its_whole_interval_is_away(
    predictions: int, correct: int, holdout: float | None, expected: str
) -> None:
    assert verdict(predictions, correct, holdout) == expected


def test_the_interval_contains_the_rate_and_is_0_to_1_without_predictions() -> None:
    low, high = wilson_interval(60, 100)
    assert low < 0.6 < high
    assert (low, high) == (pytest.approx(0.5020, abs=1e-4), pytest.approx(0.6906, abs=1e-4))
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("predictions", "correct", "holdout", "examples", "expected"),
    [
        (200, 180, 0.92, 60, "as expected"),
        # A model whose features are in the wrong order predicts Cal one time in three.
        (200, 67, 0.92, 60, "too low"),
        (20, 5, 0.92, 60, "too few"),
        (200, 67, 0.92, 10, "no hold-out"),
        (200, 67, None, 0, "no hold-out"),
        (200, 199, 0.70, 60, "as expected"),
    ],
)
def test_the_probe_finds_cal_predicted_worse_live_than_on_unseen_games(
    predictions: int, correct: int, holdout: float | None, examples: int, expected: str
) -> None:
    assert probe_cal("xgboost@B", "7", predictions, correct, holdout, examples).verdict == expected


def test_the_holdout_of_cal_consists_of_his_games_that_did_not_train() -> None:
    frame = dataset_frame(40, players=("cal", "hal"))
    ids = frame["game_id"].unique(maintain_order=True).to_list()
    cal_games = ids[::2]
    unseen = set(ids[4::5]) & set(cal_games)
    graph = expecting(0)
    found, examples = cal_holdout(frame, cal_games, Bundle(manifest(), graph))
    rows = frame.filter(frame["game_id"].is_in(list(unseen)))
    assert examples == len(rows) > 0
    assert found == pytest.approx((rows["label"] == 0).mean())
    assert predict_onnx(graph, rows.select(CURRENT_CONTRACT.columns).to_numpy()).argmax(axis=1).max() == 0


def test_without_games_of_cal_there_is_no_holdout() -> None:
    assert cal_holdout(dataset_frame(10), [], Bundle(manifest(), expecting(0))) == (None, 0)
