"""One training run: hold-out fit, production fit, export and cross-validation. The result is returned, not written."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rps_assets.training import evaluation, plots
from rps_assets.training.dataset import FeatureArray, FloatArray, IntArray, NotEnoughExamples, TrainingDataset
from rps_assets.training.models import Curve, FittedModel, portions, predict_rows
from rps_assets.training.onnx_export import predict_onnx, require_parity, to_onnx_bytes
from rps_assets.training.parameters import Configuration, XGBoostParameters
from rps_assets.training.splits import (
    Split,
    cross_validation_folds,
    holdout_of,
    production_split_of,
    with_simulated,
)
from rps_assets.training.step_models import StepModel, steps_of

PARITY_ROWS = 500


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training run.

    Attributes:
        onnx_bytes: ONNX graph of the production fit, the one to register.
        metrics: values by name, as logged to MLflow.
        curves: learning curves of the production fit by name, as (step, value).
        tables: rows by file stem.
        plots: PNG bytes by path, such as ``plots/confusion_matrix.png``.
        best_iteration: step of the production fit whose weights were kept.
    """

    onnx_bytes: bytes
    metrics: dict[str, float]
    curves: Mapping[str, Curve]
    tables: Mapping[str, list[dict[str, Any]]]
    plots: Mapping[str, bytes]
    best_iteration: int
    seed: int
    duration_seconds: float


def train_model(
    dataset: TrainingDataset,
    configuration: Configuration,
    *,
    seed: int,
    min_examples: int = 200,
    threads: int = 1,
    log: Callable[[str], None] = lambda _: None,
) -> TrainingResult:
    """Train one model with a configuration.

    There are five fits. The hold-out fit on the oldest 60 % of the examples gives the reported metrics. The production
    fit on four of every five games, old and new, is exported. Three folds of whole players measure how much the metrics
    vary: each player's games are in one fold, because a model knows its players. With few players, games are.

    Raises:
        NotEnoughExamples: fewer than `min_examples` examples, fewer than five games, or a single class.
        ParityError: the exported graph predicts other probabilities than the model.
    """
    started = time.perf_counter()
    _require_examples(dataset, min_examples)
    holdout, holdout_model = _fit_holdout(dataset, configuration, seed, threads)
    metrics, holdout_probabilities = _holdout_figures(dataset, holdout, holdout_model)
    log(
        f"hold-out accuracy {metrics['test_accuracy']:.3f}, log loss {metrics['test_log_loss']:.3f} on "
        f"{len(holdout.test)} examples"
    )

    production, model = fit_production(dataset, configuration, seed, threads)
    onnx_bytes = to_onnx_bytes(model)
    metrics["onnx_max_difference"] = require_parity(onnx_bytes, model.predict, dataset.features[:PARITY_ROWS])
    metrics |= _production_figures(dataset, production, onnx_bytes)
    log(f"production fit kept step {model.report.best_iteration} of {model.report.iterations}")

    folds, fold_figures = _cross_validate(dataset, holdout.train, configuration, seed, threads)
    metrics |= fold_figures
    log(
        f"cross-validation {metrics['cv_mean_acc']:.3f} ± {metrics['cv_std_acc']:.3f}, log loss "
        f"{metrics['cv_mean_log_loss']:.3f}"
    )

    importance = model.importance(dataset.contract.columns)
    labels = dataset.labels[holdout.test]
    return TrainingResult(
        onnx_bytes=onnx_bytes,
        metrics=metrics,
        curves=model.report.curves,
        tables={
            "classification_report": evaluation.classification_report(labels, holdout_probabilities),
            "cross_validation": folds,
            "importance": [{"column": name, "share": share} for name, share in importance],
        },
        plots=_draw(configuration, model, labels, holdout_probabilities, importance),
        best_iteration=model.report.best_iteration,
        seed=seed,
        duration_seconds=time.perf_counter() - started,
    )


def _fit_holdout(
    dataset: TrainingDataset, configuration: Configuration, seed: int, threads: int
) -> tuple[Split, FittedModel]:
    split = holdout_of(dataset)
    return split, _fit(dataset, split, configuration, seed, threads)


def fit_production(
    dataset: TrainingDataset, configuration: Configuration, seed: int, threads: int
) -> tuple[Split, FittedModel]:
    """Return the split and the model of the fit that is exported."""
    split = production_split_of(dataset)
    return split, _fit(dataset, split, configuration, seed, threads, curves=True)


def _require_examples(dataset: TrainingDataset, needed: int) -> None:
    labels = dataset.labels[dataset.played]
    if len(labels) < needed:
        raise NotEnoughExamples(f"the dataset has {len(labels)} examples and needs {needed}; play more games")
    if len(np.unique(labels)) < 2:
        raise NotEnoughExamples(f"all {len(labels)} examples have the same move; play games with other moves")


def _fit(
    dataset: TrainingDataset,
    split: Split,
    configuration: Configuration,
    seed: int,
    threads: int,
    *,
    curves: bool = False,
) -> FittedModel:
    """Fit one model; of contract 3 on steps, which the model turns back into moves.

    Examples of simulated people are added to the split: most train, and some help to decide when to stop. The figures
    of a model come from the given split, so these examples are in none of them.
    """
    split = with_simulated(split, dataset.games, dataset.simulated)
    weights = dataset.weights if dataset.simulated.any() else None
    features, labels, parameters = dataset.features, dataset.labels, configuration.parameters
    if dataset.contract.predicts_steps:
        labels = steps_of(labels, features)
    fitted: FittedModel
    # Imported here so that training trees does not load JAX, and training networks does not load xgboost.
    if isinstance(parameters, XGBoostParameters):
        from rps_assets.training.trees import fit_trees

        fitted = fit_trees(
            features, labels, split, parameters, seed=seed, threads=threads, curves=curves, weights=weights,
            shared=dataset.shared,
        )  # fmt: skip
    else:
        from rps_assets.training.networks import fit_network

        fitted = fit_network(features, labels, split, parameters, seed=seed, weights=weights)
    return StepModel(fitted) if dataset.contract.predicts_steps else fitted


def _holdout_figures(
    dataset: TrainingDataset, split: Split, model: FittedModel
) -> tuple[dict[str, float], np.ndarray[Any, np.dtype[np.float64]]]:
    # The model predicts here, not its graph: exporting it takes time, and the production fit checks that both agree.
    probabilities = predict_rows(model.predict, dataset.features, split.test)
    test = evaluation.holdout_metrics(dataset.labels[split.test], probabilities, dataset.labels[split.train])
    accuracy, log_loss = _score(dataset, split.validation, model.predict)
    return {"val_acc_holdout": accuracy, "val_log_loss_holdout": log_loss} | test, probabilities


def _production_figures(dataset: TrainingDataset, split: Split, onnx_bytes: bytes) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, rows in (("train", split.train), ("val", split.validation)):
        accuracy, log_loss = _score(dataset, rows, partial(predict_onnx, onnx_bytes))
        figures |= {f"{name}_acc_production": accuracy, f"{name}_log_loss_production": log_loss}
    return figures


def _score(
    dataset: TrainingDataset, rows: IntArray, predict: Callable[[FeatureArray], FloatArray]
) -> tuple[float, float]:
    """Return accuracy and mean log loss on some rows, computed in portions; NaN if there are no rows."""
    hits = losses = 0.0
    for part in portions(rows):
        labels, probabilities = dataset.labels[part], predict(dataset.features[part])
        hits += len(part) * evaluation.accuracy(labels, probabilities)
        losses += len(part) * evaluation.mean_log_loss(labels, probabilities)
    return hits / max(len(rows), 1), losses / max(len(rows), 1)


def _cross_validate(
    dataset: TrainingDataset,
    rows: np.ndarray[Any, np.dtype[np.int64]],
    configuration: Configuration,
    seed: int,
    threads: int,
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    table: list[dict[str, Any]] = []
    for number, fold in enumerate(cross_validation_folds(dataset.groups[rows], seed), start=1):
        split = Split(rows[fold.train], rows[fold.validation], fold.test)
        model = _fit(dataset, split, configuration, seed + number, threads)
        accuracy, log_loss = _score(dataset, split.validation, model.predict)
        table.append({"fold": number, "accuracy": accuracy, "log_loss": log_loss, "examples": len(split.validation)})
    accuracies, losses, sizes = ([row[name] for row in table] for name in ("accuracy", "log_loss", "examples"))
    return table, evaluation.fold_metrics(accuracies, losses, sizes)


def _draw(
    configuration: Configuration,
    model: FittedModel,
    labels: np.ndarray[Any, np.dtype[np.int64]],
    probabilities: np.ndarray[Any, np.dtype[np.float64]],
    importance: list[tuple[str, float]],
) -> dict[str, bytes]:
    name = f"{configuration.family} {configuration.id}"
    matrix = evaluation.confusion(labels, probabilities)
    return {
        "plots/confusion_matrix.png": plots.confusion_plot(matrix, f"Hold-out\n{name}"),
        "plots/calibration.png": plots.calibration_plot(labels, probabilities, f"Calibration on the hold-out\n{name}"),
        "plots/learning_curves.png": plots.curves_plot(
            model.report.curves, model.report.best_iteration, f"Production fit\n{name}"
        ),
        "plots/importance.png": plots.importance_plot(importance, f"Importance of the features\n{name}"),
    }
