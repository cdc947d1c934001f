"""The network trainer: both families, danger term, schedule, best weights, and unusual shapes."""

from functools import partial

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from rps_assets.training.dataset import FloatArray, TrainingDataset
from rps_assets.training.network_layers import dropout_keeps
from rps_assets.training.network_loop import MIN_LEARNING_RATE, shuffled_places
from rps_assets.training.networks import NetworkModel, fit_network
from rps_assets.training.onnx_export import predict_onnx, to_onnx_bytes
from rps_assets.training.parameters import LogisticParameters, NetworkParameters
from rps_assets.training.splits import Split, production_split
from rps_core.features.contract import CURRENT_CONTRACT
from tests.unit.training.small import SMALL_LOGISTIC, SMALL_NETWORK

BOTH = pytest.mark.parametrize("parameters", [SMALL_NETWORK, SMALL_LOGISTIC], ids=["network", "logistic"])

change = partial(msgspec.structs.replace)


@pytest.fixture(scope="module")
def split(dataset: TrainingDataset) -> Split:
    return production_split(dataset.games)


def fit(
    dataset: TrainingDataset, split: Split, parameters: NetworkParameters | LogisticParameters, seed: int = 1
) -> NetworkModel:
    return fit_network(dataset.features, dataset.labels, split, parameters, seed=seed)


def validation_loss(model: NetworkModel, dataset: TrainingDataset, split: Split) -> float:
    labels = dataset.labels[split.validation]
    probabilities = model.predict(dataset.features[split.validation])
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


def kept(words: tuple[int, int], rate: float) -> FloatArray:
    """Return which of 512 rows x 128 values a layer keeps, as 0 and 1."""
    return np.asarray(dropout_keeps(jnp.array(words, jnp.uint32), (512, 128), jnp.float32(rate)), np.float64)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("words", [(0, 0), (1, 2**32 - 1), (123_456_789, 987_654_321)])
def test_dropout_drops_the_requested_share_of_every_row_and_every_column(rate: float, words: tuple[int, int]) -> None:
    keeps = kept(words, rate)

    for axis in (None, 0, 1):
        deviation = np.abs(keeps.mean(axis=axis) - (1 - rate))
        size = keeps.size if axis is None else keeps.shape[axis]
        # The probability that one of up to 512 means is beyond five standard deviations is below one in a thousand.
        assert deviation.max() < 5 * np.sqrt(rate * (1 - rate) / size) + 1 / size


def test_dropped_values_correlate_neither_with_neighbours_nor_with_other_words() -> None:
    keeps = kept((7, 8), 0.5)

    others = [np.roll(keeps, 1, axis=0), np.roll(keeps, 1, axis=1)]
    others += [kept(words, 0.5) for words in ((7, 9), (8, 8), (7 + 128, 8), (8, 7), (7, 8 + 2**31), (7 + 2**31, 8))]
    assert max(abs(np.corrcoef(keeps.ravel(), other.ravel())[0, 1]) for other in others) < 5 / np.sqrt(keeps.size)
    assert np.array_equal(keeps, kept((7, 8), 0.5))


@pytest.mark.parametrize(("room", "filled"), [(1024, 1), (1024, 1023), (2048, 2048), (3072, 1800), (307_200, 300_000)])
def test_an_epoch_visits_each_filled_place_once_before_the_padding(room: int, filled: int) -> None:
    places = np.asarray(shuffled_places(jax.random.key(1), room, filled))

    assert np.array_equal(np.sort(places[:filled]), np.arange(filled))
    assert np.array_equal(places[filled:], np.arange(filled, room))


def test_each_place_can_come_anywhere_in_the_order_of_an_epoch() -> None:
    orders = np.array([shuffled_places(jax.random.key(seed), 1024, 1000)[:1000] for seed in range(200)])

    # Means of 200 draws from 0 to 999: five standard deviations are 102.
    assert np.abs(orders.mean(axis=0) - 499.5).max() < 102
    assert np.abs(np.argsort(orders, axis=1).mean(axis=0) - 499.5).max() < 102


@BOTH
def test_equal_seeds_give_equal_bytes_and_another_seed_gives_others(
    dataset: TrainingDataset, split: Split, parameters: NetworkParameters | LogisticParameters
) -> None:
    first, again, other = (to_onnx_bytes(fit(dataset, split, parameters, seed)) for seed in (5, 5, 6))

    assert first == again
    assert first != other


def test_training_stops_after_the_given_epochs_without_a_lower_validation_loss(
    dataset: TrainingDataset, split: Split
) -> None:
    report = fit(dataset, split, change(SMALL_NETWORK, epochs=200, lr=0.05)).report

    losses = [value for _, value in report.curves["val_loss"]]
    assert len(losses) == report.iterations < 200
    assert report.iterations - report.best_iteration == SMALL_NETWORK.patience
    assert report.best_iteration == int(np.argmin(losses)) + 1


def test_the_weights_of_the_best_epoch_are_restored(dataset: TrainingDataset, split: Split) -> None:
    model = fit(dataset, split, change(SMALL_NETWORK, epochs=200, lr=0.05))

    losses = [value for _, value in model.report.curves["val_loss"]]
    assert validation_loss(model, dataset, split) == pytest.approx(min(losses), abs=1e-4)
    assert losses[-1] > min(losses) + 1e-3


def test_training_makes_no_more_epochs_than_allowed(dataset: TrainingDataset, split: Split) -> None:
    report = fit(dataset, split, change(SMALL_NETWORK, epochs=3)).report

    assert report.iterations == 3
    assert {len(curve) for curve in report.curves.values()} == {3}


def test_a_plateau_halves_the_learning_rate_until_the_loss_barely_changes(
    dataset: TrainingDataset, split: Split
) -> None:
    fixed = change(SMALL_NETWORK, epochs=60, patience=60, reduce_lr_patience=60, lr=0.05)
    reduced = change(fixed, reduce_lr_patience=1)

    steps = {}
    for name, parameters in (("fixed", fixed), ("reduced", reduced)):
        losses = [value for _, value in fit(dataset, split, parameters).report.curves["val_loss"]]
        steps[name] = np.abs(np.diff(losses[-10:])).mean()

    assert steps["reduced"] < steps["fixed"] / 5
    assert MIN_LEARNING_RATE == 1e-6


@BOTH
@pytest.mark.parametrize(("weight", "expected"), [(0.0, 0.5), (1.0, (5**0.5 - 1) / 2)])
def test_the_danger_term_moves_probability_away_from_the_hunter_of_the_move_played(
    parameters: NetworkParameters | LogisticParameters, weight: float, expected: float
) -> None:
    # Rock and paper alternate, and no feature predicts which. Paper is dangerous when rock was played, rock never is:
    # the loss -(ln p + ln(1 - p)) / 2 + weight · (1 - p) / 2 is least at p(rock) = 1/2, and with weight 1 at 0.618.
    labels = np.tile([0, 1], 320)
    split = production_split(np.arange(640) // 10)
    patient = change(parameters, lambda_danger=weight, epochs=200, patience=200, lr=0.02)
    calm = change(patient, dropout_rate=0.0) if isinstance(patient, NetworkParameters) else patient

    rock, paper, scissors = fit_network(np.zeros((640, 50)), labels, split, calm, seed=1).predict(np.zeros((1, 50)))[0]

    assert rock == pytest.approx(expected, abs=0.02)
    assert paper == pytest.approx(1 - expected, abs=0.02)
    assert scissors < 0.02


def test_an_example_counts_by_its_weight() -> None:
    # Rock and paper alternate, and no feature predicts which; each rock counts three times as much.
    labels, weights = np.tile([0, 1], 320), np.tile([0.3, 0.1], 320)
    split = production_split(np.arange(640) // 10)
    patient = change(SMALL_LOGISTIC, lambda_danger=0.0, epochs=200, patience=200, lr=0.02)

    model = fit_network(np.zeros((640, 50)), labels, split, patient, seed=1, weights=weights)

    assert model.predict(np.zeros((1, 50)))[0, 0] == pytest.approx(0.75, abs=0.02)


def test_class_weights_raise_the_recall_of_a_rare_move(dataset: TrainingDataset) -> None:
    rng = np.random.default_rng(0)
    kept = np.sort(np.concatenate([np.flatnonzero(dataset.labels != 2), np.flatnonzero(dataset.labels == 2)[::6]]))
    # Noise instead of signal: only the class weights can make the rare move likely.
    features, labels = rng.normal(size=(len(kept), 50)), dataset.labels[kept]
    split = production_split(np.arange(len(kept)) // 10)

    means = [
        fit_network(features, labels, split, change(SMALL_LOGISTIC, use_class_weights=weighted, lr=0.02), seed=1)
        .predict(features)
        .mean(axis=0)[2]
        for weighted in (False, True)
    ]

    assert means[0] < 0.2
    assert means[1] > means[0] + 0.1


@BOTH
def test_training_works_without_examples_of_a_class(
    dataset: TrainingDataset, split: Split, parameters: NetworkParameters | LogisticParameters
) -> None:
    train = split.train[dataset.labels[split.train] != 0]

    model = fit(dataset, split._replace(train=train), parameters)

    probabilities = model.predict(dataset.features)
    assert np.isfinite(probabilities).all()
    assert probabilities[:, 0].mean() < 1 / 3
    assert all(np.isfinite(value) for curve in model.report.curves.values() for _, value in curve)


def test_a_strong_ridge_shrinks_the_weights(dataset: TrainingDataset, split: Split) -> None:
    free, shrunk = (
        np.abs(fit(dataset, split, change(SMALL_LOGISTIC, l2_lambda=ridge)).layers[0].w).mean()
        for ridge in (0.0, 300.0)
    )

    assert shrunk < free / 2


def test_the_default_ridge_does_not_flatten_the_predictions(dataset: TrainingDataset, split: Split) -> None:
    # On the unscaled loss a ridge of 1 drives all weights to zero, and every prediction to one third.
    probabilities = fit(dataset, split, change(SMALL_LOGISTIC, l2_lambda=1.0)).predict(dataset.features)

    assert probabilities.max(axis=1).mean() > 0.43


@pytest.mark.parametrize("n_train", [64, 65, 127, 128])
def test_training_works_with_an_incomplete_last_batch(dataset: TrainingDataset, split: Split, n_train: int) -> None:
    model = fit(dataset, split._replace(train=split.train[:n_train]), change(SMALL_NETWORK, epochs=4))

    assert model.report.iterations == 4
    assert np.isfinite(model.predict(dataset.features)).all()


def test_fewer_examples_than_a_batch_train_as_one_batch(dataset: TrainingDataset, split: Split) -> None:
    model = fit(dataset, split._replace(train=split.train[:20]), change(SMALL_NETWORK, epochs=30, patience=30))

    losses = [value for _, value in model.report.curves["train_loss"]]
    assert losses[-1] < losses[0] / 2


def test_batches_of_one_example_keep_batch_normalisation_finite(dataset: TrainingDataset, split: Split) -> None:
    train = split.train[:30]

    model = fit(dataset, split._replace(train=train), change(SMALL_NETWORK, epochs=2, batch_size=1))

    assert np.isfinite(model.predict(dataset.features)).all()


def test_the_scaler_uses_only_the_training_part(dataset: TrainingDataset, split: Split) -> None:
    features = dataset.features.copy()
    features[split.validation] += 1000.0

    model = fit_network(features, dataset.labels, split, change(SMALL_LOGISTIC, epochs=1), seed=1)

    assert np.allclose(model.mean, dataset.features[split.train].mean(axis=0))


def test_validation_rows_do_not_enter_the_gradient(dataset: TrainingDataset, split: Split) -> None:
    labels = dataset.labels.copy()
    labels[split.validation] = (labels[split.validation] + 1) % 3
    # One epoch only: the choice of the best epoch may depend on the validation rows, the weights of an epoch may not.
    parameters = change(SMALL_NETWORK, epochs=1)

    true, false = (
        to_onnx_bytes(fit_network(dataset.features, validated, split, parameters, seed=1))
        for validated in (dataset.labels, labels)
    )

    assert true == false


def test_constant_columns_neither_divide_by_zero_nor_change_predictions(dataset: TrainingDataset, split: Split) -> None:
    features = dataset.features.copy()
    features[:, 7] = 3.0
    model = fit_network(features, dataset.labels, split, SMALL_LOGISTIC, seed=1)

    moved: FloatArray = features.copy()
    moved[:, 7] = 3.0 + 1e-9
    assert np.allclose(model.predict(moved), model.predict(features), atol=1e-6)
    assert model.scale[7] == 1.0


def test_fitting_leaves_its_inputs_as_they_were(dataset: TrainingDataset, split: Split) -> None:
    features, labels = dataset.features.copy(), dataset.labels.copy()
    features.setflags(write=False)
    labels.setflags(write=False)

    fit_network(features, labels, split, change(SMALL_NETWORK, epochs=2), seed=1)

    assert np.array_equal(features, dataset.features)


def test_importance_names_each_column_once_with_shares_that_sum_to_one(dataset: TrainingDataset, split: Split) -> None:
    importance = fit(dataset, split, SMALL_LOGISTIC).importance(CURRENT_CONTRACT.columns)

    assert sorted(name for name, _ in importance) == sorted(CURRENT_CONTRACT.columns)
    assert sum(share for _, share in importance) == pytest.approx(1.0)


def test_batch_normalisation_is_folded_in_with_the_running_statistics(dataset: TrainingDataset, split: Split) -> None:
    model = fit(dataset, split, SMALL_NETWORK)

    alone = np.concatenate([predict_onnx(to_onnx_bytes(model), dataset.features[[row]]) for row in range(20)])
    # With batch statistics a row's prediction would depend on its neighbours.
    assert np.allclose(alone, predict_onnx(to_onnx_bytes(model), dataset.features[:20]), atol=1e-6)


def test_a_large_dataset_is_used_in_place_and_gives_the_same_model(
    dataset: TrainingDataset, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = fit_network(dataset.features, dataset.labels, split, SMALL_NETWORK, seed=1).predict(dataset.features)
    monkeypatch.setattr("rps_assets.training.networks.MAX_COPIED", 0)
    monkeypatch.setattr("rps_assets.training.models.ROWS_AT_A_TIME", 100)
    in_place = fit_network(dataset.features, dataset.labels, split, SMALL_NETWORK, seed=1).predict(dataset.features)
    np.testing.assert_allclose(in_place, copied, atol=1e-4)
