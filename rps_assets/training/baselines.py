"""Baselines that a model has to beat, fitted and judged on the same rows as the model."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.splits import chronological_holdout

ITERATIONS = 300


def baseline_accuracies(dataset: TrainingDataset) -> dict[str, float]:
    """Return `logistic_accuracy`: how well scikit-learn's logistic regression predicts the hold-out's test part.

    It is fitted on the hold-out's training part, like a model, and takes a tenth of a second. The other baseline,
    always predicting the most frequent move, is `majority_accuracy` in the metrics of each model.
    """
    split = chronological_holdout(dataset.games)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    model.fit(dataset.features[split.train], dataset.labels[split.train])
    hits = model.predict(dataset.features[split.test]) == dataset.labels[split.test]
    return {"logistic_accuracy": float(hits.mean())}
