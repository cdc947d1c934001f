"""Metrics, compared with numbers calculated by hand."""

import math

import numpy as np
import pytest

from rps_assets.training.evaluation import accuracy, classification_report, confusion, fold_metrics, holdout_metrics
from rps_core.game.moves import MOVES

# Six examples: rock is predicted twice of three times, paper once of twice; scissors, once, is predicted as rock.
LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 0])
PROBABILITIES = np.full((6, 3), 0.2)
PROBABILITIES[np.arange(6), PREDICTED] = 0.6


def test_accuracy_is_the_share_of_hits_and_nan_without_examples() -> None:
    assert accuracy(LABELS, PROBABILITIES) == 0.5
    assert math.isnan(accuracy(LABELS[:0], PROBABILITIES[:0]))


def test_holdout_metrics_match_those_calculated_by_hand() -> None:
    metrics = holdout_metrics(LABELS, PROBABILITIES, train_labels=np.array([1, 1, 0]))

    assert metrics == pytest.approx(
        {
            "test_accuracy": 3 / 6,
            "test_acc_holdout": 3 / 6,
            "test_acc_rock": 2 / 3,
            "test_acc_paper": 1 / 2,
            "test_acc_scissors": 0.0,
            "test_log_loss": -(3 * math.log(0.6) + 3 * math.log(0.2)) / 6,
            # Paper is the most frequent move of the training part; two of the six test examples are paper.
            "majority_accuracy": 2 / 6,
        }
    )


def test_a_move_that_was_never_played_has_recall_zero_instead_of_an_error() -> None:
    metrics = holdout_metrics(LABELS[:5], PROBABILITIES[:5], train_labels=LABELS)

    assert metrics["test_acc_scissors"] == 0.0
    assert math.isfinite(metrics["test_log_loss"])


def test_mean_and_deviation_of_the_folds_are_weighted_by_examples() -> None:
    metrics = fold_metrics([0.5, 0.8], [1.0, 0.6], [300, 100])

    mean = (0.5 * 300 + 0.8 * 100) / 400
    deviation = math.sqrt((300 * (0.5 - mean) ** 2 + 100 * (0.8 - mean) ** 2) / 400)
    assert metrics == pytest.approx(
        {
            "cv_fold_1_acc": 0.5,
            "cv_fold_2_acc": 0.8,
            "cv_mean_acc": mean,
            "cv_std_acc": deviation,
            "cv_fold_1_log_loss": 1.0,
            "cv_fold_2_log_loss": 0.6,
            "cv_mean_log_loss": 0.9,
        }
    )


def test_the_rows_of_the_confusion_matrix_are_played_moves() -> None:
    assert confusion(LABELS, PROBABILITIES).tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]


def test_the_report_has_one_row_per_move_in_canonical_order() -> None:
    rock, paper, scissors = classification_report(LABELS, PROBABILITIES)

    assert [row["move"] for row in (rock, paper, scissors)] == list(MOVES)
    assert rock == {
        "move": "rock",
        "precision": pytest.approx(1 / 2),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(4 / 7),
        "support": 3,
    }
    assert scissors["precision"] == scissors["f1"] == 0.0
