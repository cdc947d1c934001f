"""Quality of predictions, under the names that MLflow logs."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from rps_assets.training.dataset import FloatArray, IntArray
from rps_core.game.moves import MOVES

CLASSES = list(range(len(MOVES)))


def accuracy(labels: IntArray, probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """Return the share of examples whose most probable class is the label; NaN if there are no examples."""
    return float((probabilities.argmax(axis=1) == labels).mean()) if len(labels) else float("nan")


def mean_log_loss(labels: IntArray, probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """Return the mean log loss in nats (uniform: 1.0986); NaN if there are no examples."""
    if not len(labels):
        return float("nan")
    # Rows of a network or of trees sum to one in single precision only, about which scikit-learn warns.
    exact = probabilities.astype(np.float64)
    return float(log_loss(labels, exact / exact.sum(axis=1, keepdims=True), labels=CLASSES))


def holdout_metrics(labels: IntArray, probabilities: FloatArray, train_labels: IntArray) -> dict[str, float]:
    """Return the metrics on the hold-out's test part.

    `majority_accuracy` is the accuracy of always predicting the most frequent move of the training part.
    """
    recalls = precision_recall_fscore_support(labels, probabilities.argmax(axis=1), labels=CLASSES, zero_division=0)[1]
    majority = int(np.bincount(train_labels, minlength=len(MOVES)).argmax())
    test_accuracy = accuracy(labels, probabilities)
    return {
        "test_accuracy": test_accuracy,
        "test_acc_holdout": test_accuracy,
        **{f"test_acc_{move}": float(recall) for move, recall in zip(MOVES, recalls, strict=True)},
        "test_log_loss": mean_log_loss(labels, probabilities),
        "majority_accuracy": float((labels == majority).mean()),
    }


def fold_metrics(accuracies: list[float], log_losses: list[float], sizes: list[int]) -> dict[str, float]:
    """Return the accuracy and log loss of each fold, with means and a deviation weighted by validation examples."""
    mean = float(np.average(accuracies, weights=sizes))
    deviation = float(np.sqrt(np.average((np.array(accuracies) - mean) ** 2, weights=sizes)))
    folds = {f"cv_fold_{number}_acc": value for number, value in enumerate(accuracies, start=1)}
    folds |= {f"cv_fold_{number}_log_loss": value for number, value in enumerate(log_losses, start=1)}
    mean_loss = float(np.average(log_losses, weights=sizes))
    return folds | {"cv_mean_acc": mean, "cv_std_acc": deviation, "cv_mean_log_loss": mean_loss}


def confusion(labels: IntArray, probabilities: FloatArray) -> IntArray:
    """Return the confusion matrix, int (3, 3): rows are played moves, columns predicted moves."""
    matrix: IntArray = confusion_matrix(labels, probabilities.argmax(axis=1), labels=CLASSES)
    return matrix


def classification_report(labels: IntArray, probabilities: FloatArray) -> list[dict[str, float | str]]:
    """Return precision, recall, F1 and support of each move, one row per move."""
    figures = precision_recall_fscore_support(labels, probabilities.argmax(axis=1), labels=CLASSES, zero_division=0)
    return [
        {"move": move, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
        for move, p, r, f, s in zip(MOVES, *figures, strict=True)
    ]
