"""Whole training runs of each family on simulated games."""

import dataclasses
import re
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from rps_assets.training.dataset import NotEnoughExamples, TrainingDataset
from rps_assets.training.evaluation import accuracy
from rps_assets.training.fit import TrainingResult, train_model
from rps_assets.training.onnx_export import predict_onnx
from rps_assets.training.parameters import Configuration, Parameters, from_json, to_json
from rps_assets.training.splits import chronological_holdout, production_split
from rps_core.game.families import FAMILIES, Family
from tests.unit.training.small import SMALL_LOGISTIC, SMALL_NETWORK, SMALL_TREES

SMALL: dict[Family, Parameters] = {
    "xgboost": SMALL_TREES,
    "feedforward_nn": SMALL_NETWORK,
    "multinomial_logistic": SMALL_LOGISTIC,
}
METRICS = {
    *("val_acc_holdout", "test_accuracy", "test_acc_holdout", "test_acc_rock", "test_acc_paper", "test_acc_scissors"),
    *("train_acc_production", "val_acc_production", "majority_accuracy", "test_log_loss", "onnx_max_difference"),
    *("val_log_loss_holdout", "train_log_loss_production", "val_log_loss_production", "cv_mean_log_loss"),
    *("cv_fold_1_log_loss", "cv_fold_2_log_loss", "cv_fold_3_log_loss"),
    *("cv_fold_1_acc", "cv_fold_2_acc", "cv_fold_3_acc", "cv_mean_acc", "cv_std_acc"),
}


def small(family: Family) -> Configuration:
    return Configuration(id=f"small_{family}", family=family, note="for tests", parameters=SMALL[family])


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


@pytest.fixture(scope="module")
def result(dataset: TrainingDataset, family: Family) -> TrainingResult:
    return train_model(dataset, small(family), seed=11)


def test_each_family_beats_the_majority_baseline_on_a_player_with_a_rule(result: TrainingResult) -> None:
    assert result.metrics["test_accuracy"] > result.metrics["majority_accuracy"] + 0.25
    assert result.metrics["cv_mean_acc"] > result.metrics["majority_accuracy"] + 0.25
    assert result.metrics["test_log_loss"] < np.log(3)


def test_a_run_has_all_metrics_and_all_are_finite(result: TrainingResult) -> None:
    assert set(result.metrics) == METRICS
    assert all(np.isfinite(value) for value in result.metrics.values())
    assert result.duration_seconds > 0
    assert result.seed == 11


def test_the_exported_graph_is_the_production_fit(result: TrainingResult, dataset: TrainingDataset) -> None:
    split = production_split(dataset.games)
    probabilities = predict_onnx(result.onnx_bytes, dataset.features)

    for name, part in (("train", split.train), ("val", split.validation)):
        assert accuracy(dataset.labels[part], probabilities[part]) == result.metrics[f"{name}_acc_production"]


def test_the_exported_graph_is_not_the_holdout_fit(result: TrainingResult, dataset: TrainingDataset) -> None:
    test = chronological_holdout(dataset.games).test
    probabilities = predict_onnx(result.onnx_bytes, dataset.features[test])

    labels = dataset.labels[test]
    log_loss = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
    assert abs(log_loss - result.metrics["test_log_loss"]) > 1e-6


def test_a_second_run_with_the_same_seed_gives_the_same_metrics_and_plots(
    result: TrainingResult, dataset: TrainingDataset, family: Family
) -> None:
    again = train_model(dataset, small(family), seed=11)

    assert again.metrics == result.metrics
    assert again.curves == result.curves
    assert again.tables == result.tables
    assert again.plots == result.plots
    first, second = (predict_onnx(run.onnx_bytes, dataset.features) for run in (result, again))
    assert np.array_equal(first, second)


def test_a_configuration_read_back_from_its_run_trains_the_same_model(
    result: TrainingResult, dataset: TrainingDataset, family: Family
) -> None:
    again = train_model(dataset, from_json(to_json(small(family))), seed=11)

    assert again.metrics == result.metrics


def test_the_tables_agree_with_the_metrics(result: TrainingResult, dataset: TrainingDataset) -> None:
    folds = result.tables["cross_validation"]
    holdout = chronological_holdout(dataset.games)

    assert [fold["accuracy"] for fold in folds] == [result.metrics[f"cv_fold_{number}_acc"] for number in (1, 2, 3)]
    # Cross-validation never sees the validation and test parts of the hold-out.
    assert sum(fold["examples"] for fold in folds) == len(holdout.train)
    report = result.tables["classification_report"]
    assert {f"test_acc_{row['move']}": row["recall"] for row in report}.items() <= result.metrics.items()
    assert sum(row["support"] for row in report) == len(holdout.test)
    assert sum(row["share"] for row in result.tables["importance"]) == pytest.approx(1.0)


def test_each_run_draws_four_plots_with_stable_names(result: TrainingResult) -> None:
    names = {"calibration", "confusion_matrix", "importance", "learning_curves"}
    assert set(result.plots) == {f"plots/{name}.png" for name in names}
    assert all(content.startswith(b"\x89PNG") for content in result.plots.values())


def test_the_kept_step_is_the_lowest_point_of_the_validation_curve(result: TrainingResult) -> None:
    steps, losses = zip(*result.curves["val_loss"], strict=True)

    assert steps == tuple(range(1, len(steps) + 1))
    assert losses[result.best_iteration - 1] == pytest.approx(min(losses), abs=1e-5)


def test_labels_without_a_pattern_cannot_be_predicted(dataset: TrainingDataset, family: Family) -> None:
    # A leak of the label or of the future would raise the accuracy.
    shuffled = dataclasses.replace(dataset, labels=np.random.default_rng(8).permutation(dataset.labels))

    metrics = train_model(shuffled, small(family), seed=1).metrics

    assert metrics["test_accuracy"] < 0.45
    assert metrics["cv_mean_acc"] < 0.45


def test_a_move_that_was_never_played_gets_little_probability(dataset: TrainingDataset, family: Family) -> None:
    kept = dataset.labels != 2
    games = np.unique(dataset.games[kept], return_inverse=True)[1]
    without = TrainingDataset(dataset.features[kept], dataset.labels[kept], games, "no scissors")

    result = train_model(without, small(family), seed=1)

    assert predict_onnx(result.onnx_bytes, without.features)[:, 2].mean() < 0.1
    assert result.metrics["test_acc_scissors"] == 0.0
    assert result.metrics["test_accuracy"] > result.metrics["majority_accuracy"]


def test_training_leaves_the_dataset_as_it_was(dataset: TrainingDataset, family: Family) -> None:
    frozen = TrainingDataset(dataset.features.copy(), dataset.labels.copy(), dataset.games.copy(), "frozen")
    for array in (frozen.features, frozen.labels, frozen.games):
        array.setflags(write=False)

    train_model(frozen, small(family), seed=1)

    assert np.array_equal(frozen.features, dataset.features)


def test_the_log_reports_each_step_with_its_metric(dataset: TrainingDataset) -> None:
    lines: list[str] = []

    result = train_model(dataset, small("multinomial_logistic"), seed=1, log=lines.append)

    assert [line.split()[0] for line in lines] == ["hold-out", "production", "cross-validation"]
    assert f"{result.metrics['test_accuracy']:.3f}" in lines[0]
    assert re.search(rf"step {result.best_iteration} ", lines[1])
    assert f"{result.metrics['cv_mean_acc']:.3f}" in lines[2]


def head(dataset: TrainingDataset, examples: int) -> TrainingDataset:
    return TrainingDataset(dataset.features[:examples], dataset.labels[:examples], dataset.games[:examples], "head")


@pytest.mark.parametrize("examples", [0, 1, 199])
def test_the_error_for_too_few_examples_has_the_number_found_and_needed(
    dataset: TrainingDataset, family: Family, examples: int
) -> None:
    with pytest.raises(NotEnoughExamples, match=rf" {examples} examples and needs 200;"):
        train_model(head(dataset, examples), small(family), seed=1)


def test_two_hundred_examples_are_enough(dataset: TrainingDataset, family: Family) -> None:
    assert set(train_model(head(dataset, 200), small(family), seed=1).metrics) == METRICS


def test_too_few_games_are_refused_regardless_of_their_examples(dataset: TrainingDataset) -> None:
    four = dataclasses.replace(dataset, games=np.arange(len(dataset)) * 4 // len(dataset))

    with pytest.raises(NotEnoughExamples, match="4 games"):
        train_model(four, small("xgboost"), seed=1)


def test_examples_of_a_single_move_are_refused(dataset: TrainingDataset, family: Family) -> None:
    only_rock = dataclasses.replace(dataset, labels=np.zeros_like(dataset.labels))

    with pytest.raises(NotEnoughExamples, match="same move"):
        train_model(only_rock, small(family), seed=1)


def test_changing_a_parameter_changes_the_model(dataset: TrainingDataset, result: TrainingResult) -> None:
    deeper = msgspec.structs.replace(small("xgboost"), parameters=msgspec.structs.replace(SMALL_TREES, max_depth=1))

    assert train_model(dataset, deeper, seed=11).metrics["test_log_loss"] != result.metrics["test_log_loss"]


def test_training_one_kind_of_model_loads_neither_the_other_library_nor_an_orchestrator() -> None:
    # In parallel, because each import takes seconds.
    started = {
        used: subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import sys, rps_assets.training.fit, rps_assets.training.{used};"
                f"sys.exit(', '.join({{'dagster', 'mlflow', '{unused}'}} & set(sys.modules)) or 0)",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        for used, unused in (("networks", "xgboost"), ("trees", "jax"))
    }

    outcomes = {used: (process.communicate(timeout=120)[1], process.returncode) for used, process in started.items()}

    assert outcomes == {"networks": ("", 0), "trees": ("", 0)}
