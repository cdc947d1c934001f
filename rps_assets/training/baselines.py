"""Baselines that a model has to beat, fitted and judged on the same rows as the model."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.evaluation import accuracy, mean_log_loss
from rps_assets.training.splits import holdout_of
from rps_core.game.moves import MOVES

ITERATIONS = 300
MAX_EXAMPLES = 100_000


def baseline_accuracies(dataset: TrainingDataset) -> dict[str, float]:
    """Return `logistic_accuracy` and `logistic_log_loss` of scikit-learn's regression on the hold-out's test part.

    It is fitted on what was played in the hold-out's training part, and takes a tenth of a second. The other baseline,
    always predicting the most frequent move, is `majority_accuracy` in the metrics of each model.
    """
    split = holdout_of(dataset)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    # Every n-th example: more of them take minutes, and change the third digit.
    train = split.train[:: 1 + len(split.train) // MAX_EXAMPLES]
    model.fit(dataset.features[train], dataset.labels[train])
    labels, probabilities = dataset.labels[split.test], model.predict_proba(dataset.features[split.test])
    # A move that was never played before the test part has no column.
    known = np.zeros((len(labels), len(MOVES)))
    known[:, model.classes_] = probabilities
    return {"logistic_accuracy": accuracy(labels, known), "logistic_log_loss": mean_log_loss(labels, known)}
