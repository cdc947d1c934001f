"""Networks: the multilayer perceptron and, with no hidden layer, the softmax regression.

`network_loop` trains them, `network_layers` holds layers and loss, `network_graph` writes the ONNX graph.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import onnx

from rps_assets.training.dataset import FeatureArray, FloatArray, IntArray
from rps_assets.training.models import FitReport, FittedModel, portions
from rps_assets.training.network_graph import ServingLayer, network_graph, serving_layers
from rps_assets.training.network_loop import Examples, Schedule, run_fit
from rps_assets.training.parameters import LogisticParameters, NetworkParameters
from rps_assets.training.splits import Split
from rps_core.game.moves import MOVES

# Rows and epochs are padded to multiples of these, so that JAX rarely compiles again for a growing dataset; large
# datasets to multiples of an eighth of their rows, so that all fits of a training share one compilation.
ROW_BUCKET = 1024
EPOCH_BUCKET = 200
MAX_COPIED = 200_000


class NetworkModel(FittedModel):
    """The best weights of a fit, with the scaler of its training part."""

    def __init__(self, layers: list[ServingLayer], mean: FloatArray, scale: FloatArray, report: FitReport):
        super().__init__(report)
        self.layers, self.mean, self.scale = layers, mean, scale

    def predict(self, features: FeatureArray) -> FloatArray:
        """Return probabilities, float64 (n, 3), computed in NumPy: the ONNX graph is compared with them."""
        return np.concatenate([self._predict(part) for part in portions(features)])

    def _predict(self, features: FeatureArray) -> FloatArray:
        values = (features - self.mean) / self.scale
        for layer in self.layers[:-1]:
            values = np.maximum((values @ layer.w + layer.b) * layer.gain + layer.offset, 0.0)
        logits = values @ self.layers[-1].w + self.layers[-1].b
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

    def to_onnx(self) -> onnx.ModelProto:
        """Return the graph with scaler and batch normalisation folded in."""
        return network_graph(self.layers, self.mean, self.scale)

    def importance(self, columns: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return each column's share of the absolute weights of the first layer, which sees scaled features."""
        strength = np.abs(self.layers[0].w).sum(axis=1)
        shares = strength / (strength.sum() or 1.0)
        return sorted(zip(columns, map(float, shares), strict=True), key=lambda item: -item[1])


def fit_network(
    features: FeatureArray,
    labels: IntArray,
    split: Split,
    parameters: NetworkParameters | LogisticParameters,
    *,
    seed: int,
    weights: FloatArray | None = None,
) -> NetworkModel:
    """Fit on `split.train` and keep the weights of the epoch with the least validation loss.

    Loss = cross-entropy (class weights if asked) + lambda · mean softmax[hunter(label)]. If a model predicts the hunter
    of the true move, the bot chooses the move that loses to the true one. The regression adds l2_lambda / n · the sum
    of squares. Without `weights`, all examples count alike.
    """
    mean, scale = _scaler(features, split.train)
    hidden = parameters.hidden_sizes if isinstance(parameters, NetworkParameters) else ()
    if weights is None:
        weights = np.ones(len(labels), np.float32)
    else:
        weights = (weights / weights[split.train].mean()).astype(np.float32)
    class_weights = _class_weights(labels[split.train], parameters)
    examples = _examples(features, mean, scale, labels, weights, split, class_weights)
    schedule = _schedule(parameters, len(split.train))
    state = run_fit(
        jax.random.key(seed),
        examples,
        schedule,
        widths=(features.shape[1], *hidden, len(MOVES)),
        batch_size=min(parameters.batch_size, len(split.train)),
        epoch_room=_rounded_up(parameters.epochs, EPOCH_BUCKET),
        drops_out=schedule.dropout_rate > 0,
    )
    epochs = int(state.epoch)
    history = np.asarray(state.history)[:epochs]
    curves = {
        name: list(enumerate(history[:, column].tolist(), start=1))
        for column, name in enumerate(("train_loss", "val_loss", "val_acc"))
    }
    report = FitReport(int(state.best_epoch), epochs, curves)
    return NetworkModel(serving_layers(state.best_weights), mean, scale, report)


def _scaler(features: FeatureArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each column over some rows, read portion by portion."""
    mean = sum(features[part].sum(axis=0, dtype=np.float64) for part in portions(rows)) / len(rows)
    squares = sum(((features[part] - mean) ** 2).sum(axis=0) for part in portions(rows))
    scale = np.sqrt(squares / len(rows))
    # A constant column carries no information; dividing by one keeps it at zero.
    return mean, np.where(scale < 1e-12, 1.0, scale)


def _class_weights(labels: IntArray, parameters: NetworkParameters | LogisticParameters) -> FloatArray:
    if isinstance(parameters, NetworkParameters) or not parameters.use_class_weights:
        return np.ones(len(MOVES))
    counts = np.bincount(labels, minlength=len(MOVES))
    # A class without examples keeps weight 1: it never enters the loss, and its count of 0 cannot be divided by.
    return np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 1.0)


def _schedule(parameters: NetworkParameters | LogisticParameters, n_train: int) -> Schedule:
    if isinstance(parameters, NetworkParameters):
        decay, l2, dropout_rate = parameters.weight_decay, 0.0, parameters.dropout_rate
    else:
        decay, l2, dropout_rate = 0.0, parameters.l2_lambda / n_train, 0.0
    return Schedule(
        epochs=parameters.epochs,
        lr=parameters.lr,
        weight_decay=decay,
        l2=l2,
        dropout_rate=dropout_rate,
        lambda_danger=parameters.lambda_danger,
        patience=parameters.patience,
        reduce_lr_patience=parameters.reduce_lr_patience,
    )


def _examples(
    features: FeatureArray,
    mean: FloatArray,
    scale: FloatArray,
    labels: IntArray,
    weights: FloatArray,
    split: Split,
    class_weights: FloatArray,
) -> Examples:
    bucket = max(ROW_BUCKET, 1 << max(len(labels).bit_length() - 3, 0))
    return Examples(
        # A large dataset is used in place: a copy of three million examples takes a gigabyte.
        features=_in_place(features) if len(labels) > MAX_COPIED else _padded(features, np.float32, bucket),
        mean=jnp.asarray(mean, jnp.float32),
        scale=jnp.asarray(scale, jnp.float32),
        labels=_padded(labels, np.int32, bucket),
        weights=_padded(weights, np.float32, bucket),
        train_rows=_padded(split.train, np.int32, bucket, min_rows=len(labels)),
        n_train=len(split.train),
        validation_rows=_padded(split.validation, np.int32, bucket),
        n_validation=len(split.validation),
        class_weights=jnp.asarray(class_weights, jnp.float32),
    )


def _in_place(features: FeatureArray) -> jax.Array:
    """Return the features without a copy if they are `aligned_zeros` that were filled; nothing changes them later."""
    placed: jax.Array = jax.device_put(features.astype(np.float32, copy=False))
    return placed


def _padded(values: npt.NDArray[Any], dtype: npt.DTypeLike, bucket: int, min_rows: int = 1) -> jax.Array:
    """Append zeros until the rows fill whole buckets and are at least `min_rows`."""
    rows = _rounded_up(max(len(values), min_rows), bucket)
    padded = np.zeros((rows, *values.shape[1:]), dtype)
    padded[: len(values)] = values
    return jnp.asarray(padded)


def _rounded_up(number: int, bucket: int) -> int:
    return -(-number // bucket) * bucket
