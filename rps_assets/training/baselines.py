"""What a model has to beat: plain baselines on the same hold-out, learned from the same rows."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.splits import chronological_holdout

ITERATIONS = 300


def baseline_accuracies(dataset: TrainingDataset) -> dict[str, float]:
    """Return the accuracy on the hold-out's test part of scikit-learn's logistic regression, as `logistic_accuracy`.

    Fitted on the training part alone, like the hold-out fit of a model; it takes a tenth of a second. What always
    naming the most frequent move reaches is `majority_accuracy` among a model's own figures.
    """
    split = chronological_holdout(dataset.games)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    model.fit(dataset.features[split.train], dataset.labels[split.train])
    hits = model.predict(dataset.features[split.test]) == dataset.labels[split.test]
    return {"logistic_accuracy": float(hits.mean())}
