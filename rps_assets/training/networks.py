"""Networks in JAX and Optax: the multilayer perceptron and, with no hidden layer, the softmax regression.

A whole fit is one compiled function: epochs, validation, learning-rate schedule, early stopping and the best weights
all live inside a `while_loop`. The rows of a fit are chosen by index, and everything but the layer widths, the batch
size and whether there is dropout is a traced argument, so the folds and the aliases of a family share one compilation.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import onnx
import optax
from onnx import TensorProto, helper, numpy_helper

from rps_assets.training.dataset import FloatArray, IntArray
from rps_assets.training.models import FitReport, FittedModel
from rps_assets.training.parameters import LogisticParameters, NetworkParameters
from rps_assets.training.splits import Split
from rps_core.game.moves import MOVES

OPSET = 15
IR_VERSION = 8
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5
MIN_LEARNING_RATE = 1e-6
MIN_IMPROVEMENT = 1e-6
# Rows and epochs are padded to multiples of these, so that a growing dataset rarely compiles anew.
ROW_BUCKET = 1024
EPOCH_BUCKET = 200
# In canonical order the hunter of a move stands one place after it.
_HUNTER = jnp.array([1, 2, 0])

Weights = list[dict[str, jax.Array]]


class Schedule(NamedTuple):
    """The traced hyperparameters of one fit."""

    epochs: int
    lr: float
    weight_decay: float
    l2: float
    dropout_rate: float
    lambda_danger: float
    patience: int
    reduce_lr_patience: int


class Examples(NamedTuple):
    """All rows of the dataset, which of them this fit trains on, and those that it validates on; all padded."""

    features: jax.Array
    labels: jax.Array
    train_rows: jax.Array
    n_train: int
    validation_features: jax.Array
    validation_labels: jax.Array
    n_validation: int
    class_weights: jax.Array


class FitState(NamedTuple):
    """What one epoch hands to the next."""

    epoch: jax.Array
    weights: Weights
    moments: Any
    key: jax.Array
    lr: jax.Array
    best_loss: jax.Array
    best_epoch: jax.Array
    best_weights: Weights
    reduced_at: jax.Array
    history: jax.Array


class NetworkModel(FittedModel):
    """The best weights of a fit with the scaler of its training part."""

    def __init__(self, weights: list[dict[str, FloatArray]], mean: FloatArray, scale: FloatArray, report: FitReport):
        super().__init__(report)
        self.weights, self.mean, self.scale = weights, mean, scale

    def predict(self, features: FloatArray) -> FloatArray:
        """Return probabilities, float64 (n, 3), computed in NumPy so that the ONNX graph meets an independent twin."""
        values = (features - self.mean) / self.scale
        for layer in self.weights[:-1]:
            values = np.maximum((values @ layer["w"] + layer["b"]) * layer["gain"] + layer["offset"], 0.0)
        logits = values @ self.weights[-1]["w"] + self.weights[-1]["b"]
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

    def to_onnx(self) -> onnx.ModelProto:
        """Return the graph with scaler and batch normalisation folded in."""
        graph = _OnnxGraph()
        value = graph.add("Sub", "features", graph.constant(self.mean))
        value = graph.add("Div", value, graph.constant(self.scale))
        for layer in self.weights[:-1]:
            # Normalisation is a gain and an offset at serving time: both fold into the linear map before it.
            weight, bias = layer["w"] * layer["gain"], layer["b"] * layer["gain"] + layer["offset"]
            value = graph.add("Gemm", value, graph.constant(weight), graph.constant(bias))
            value = graph.add("Relu", value)
        last = self.weights[-1]
        value = graph.add("Gemm", value, graph.constant(last["w"]), graph.constant(last["b"]))
        graph.add("Softmax", value, output="probabilities", axis=1)
        return graph.model(len(self.mean))

    def importance(self, columns: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return each column's share of the absolute weights of the first layer, which sees scaled features."""
        strength = np.abs(self.weights[0]["w"]).sum(axis=1)
        shares = strength / (strength.sum() or 1.0)
        return sorted(zip(columns, map(float, shares), strict=True), key=lambda item: -item[1])


def fit_network(
    features: FloatArray,
    labels: IntArray,
    split: Split,
    parameters: NetworkParameters | LogisticParameters,
    *,
    seed: int,
) -> NetworkModel:
    """Fit on `split.train` and keep the weights of the epoch with the least validation loss.

    Loss = cross-entropy (class weights if asked) + lambda · mean softmax[hunter(label)]: predicting the hunter of the
    true move makes the bot choose the move that loses to it. The regression adds l2_lambda / n · the sum of squares.
    """
    mean, scale = _scaler(features[split.train])
    hidden = parameters.hidden_sizes if isinstance(parameters, NetworkParameters) else ()
    examples = _examples((features - mean) / scale, labels, split, _class_weights(labels[split.train], parameters))
    batch_size = min(parameters.batch_size, len(split.train))
    epoch_room = -(-parameters.epochs // EPOCH_BUCKET) * EPOCH_BUCKET
    widths = (features.shape[1], *hidden, len(MOVES))
    schedule = _schedule(parameters, len(split.train))
    drops_out = schedule.dropout_rate > 0
    state = _fit(jax.random.key(seed), examples, schedule, widths, batch_size, epoch_room, drops_out)
    epochs = int(state.epoch)
    history = np.asarray(state.history)[:epochs]
    curves = {
        name: list(enumerate(history[:, column].tolist(), start=1))
        for column, name in enumerate(("train_loss", "val_loss", "val_acc"))
    }
    weights = _serving_weights(jax.device_get(state.best_weights))
    return NetworkModel(weights, mean, scale, FitReport(int(state.best_epoch), epochs, curves))


def _scaler(train: FloatArray) -> tuple[FloatArray, FloatArray]:
    scale = train.std(axis=0)
    # A constant column carries nothing; dividing by one keeps it at zero.
    return train.mean(axis=0), np.where(scale < 1e-12, 1.0, scale)


def _class_weights(labels: IntArray, parameters: NetworkParameters | LogisticParameters) -> FloatArray:
    if isinstance(parameters, NetworkParameters) or not parameters.use_class_weights:
        return np.ones(len(MOVES))
    counts = np.bincount(labels, minlength=len(MOVES))
    # A class that does not occur keeps weight 1: it never enters the loss, and dividing by its count would break it.
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


def _examples(scaled: FloatArray, labels: IntArray, split: Split, class_weights: FloatArray) -> Examples:
    return Examples(
        _padded(scaled, np.float32),
        _padded(labels, np.int32),
        _padded(split.train, np.int32, like=len(labels)),
        len(split.train),
        _padded(scaled[split.validation], np.float32),
        _padded(labels[split.validation], np.int32),
        len(split.validation),
        jnp.asarray(class_weights, jnp.float32),
    )


def _padded(values: npt.NDArray[Any], dtype: npt.DTypeLike, like: int = 0) -> jax.Array:
    """Append zeros up to a full bucket of rows, or to that of `like` rows."""
    rows = -(-max(len(values), like, 1) // ROW_BUCKET) * ROW_BUCKET
    padded = np.zeros((rows, *values.shape[1:]), dtype)
    padded[: len(values)] = values
    return jnp.asarray(padded)


def _initial_weights(key: jax.Array, widths: tuple[int, ...]) -> Weights:
    keys = jax.random.split(key, len(widths) - 1)
    return [
        {
            "w": jax.nn.initializers.glorot_uniform()(layer_key, (fan_in, fan_out), jnp.float32),
            "b": jnp.zeros(fan_out),
            "gamma": jnp.ones(fan_out),
            "beta": jnp.zeros(fan_out),
            "mean": jnp.zeros(fan_out),
            "var": jnp.ones(fan_out),
        }
        for layer_key, fan_in, fan_out in zip(keys, widths[:-1], widths[1:], strict=True)
    ]


def shuffled_places(key: jax.Array, room: int, filled: jax.Array | int) -> jax.Array:
    """Return the places below `room`, uint32 (room,): first the filled ones in random order, then the others.

    Draw and place share one number, as sorting pairs takes five times as long. What the place leaves of the draw is
    enough: rows of equal draws stand in their old order, but next to one another, mostly in one batch.
    """
    place_bits = (room - 1).bit_length()
    places = jnp.arange(room, dtype=jnp.uint32)
    draws = jnp.where(places < filled, jax.random.bits(key, (room,)), np.uint32(2**32 - 1))
    return jnp.sort((draws >> place_bits << place_bits) | places) & np.uint32(2**place_bits - 1)


def dropout_keeps(words: jax.Array, shape: tuple[int, ...], rate: jax.Array) -> jax.Array:
    """Return which values a layer keeps, bool of the given shape, from two random words, uint32 (2,).

    The places are counted, and mixed with the words. Drawing bits for each value by `jax.random` takes half of the time
    of a fit: they are written to memory first, while this becomes part of the loop that uses it.
    """
    places = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    return _mixed(_mixed(places + words[0]) ^ words[1]) >= (rate * 2.0**32).astype(jnp.uint32)


def _mixed(numbers: jax.Array) -> jax.Array:
    """Return a permutation of uint32 in which each bit depends on each bit given: "lowbias32" of hash-prospector."""
    numbers = (numbers ^ (numbers >> 16)) * np.uint32(0x7FEB352D)
    numbers = (numbers ^ (numbers >> 15)) * np.uint32(0x846CA68B)
    return numbers ^ (numbers >> 16)


def _logits(
    weights: Weights,
    values: jax.Array,
    *,
    training: bool = False,
    dropout_rate: jax.Array | None = None,
    words: jax.Array | None = None,
) -> tuple[jax.Array, Weights]:
    """Run the network; in training mode also return the updated batch statistics.

    With a rate and random words, uint32 (layers, 2), each hidden layer drops out.
    """
    updated: Weights = []
    for number, layer in enumerate(weights[:-1]):
        values = values @ layer["w"] + layer["b"]
        mean, var = layer["mean"], layer["var"]
        if training:
            mean, var = values.mean(axis=0), values.var(axis=0)
            kept = {"mean": mean, "var": var}
            running = {
                name: BATCH_NORM_MOMENTUM * layer[name] + (1 - BATCH_NORM_MOMENTUM) * value
                for name, value in kept.items()
            }
            updated.append(jax.lax.stop_gradient(layer | running))
        values = (values - mean) * jax.lax.rsqrt(var + BATCH_NORM_EPSILON) * layer["gamma"] + layer["beta"]
        values = jax.nn.relu(values)
        if dropout_rate is not None and words is not None:
            keeps = dropout_keeps(words[number], values.shape, dropout_rate)
            values = jnp.where(keeps, values / (1 - dropout_rate), 0.0)
    return values @ weights[-1]["w"] + weights[-1]["b"], updated


def _losses(logits: jax.Array, labels: jax.Array, class_weights: jax.Array, lambda_danger: float) -> jax.Array:
    rows = jnp.arange(len(labels))
    log_probabilities = jax.nn.log_softmax(logits)
    danger = jnp.exp(log_probabilities[rows, _HUNTER[labels]])
    return -class_weights[labels] * log_probabilities[rows, labels] + lambda_danger * danger


@partial(jax.jit, static_argnames=("widths", "batch_size", "epoch_room", "drops_out"))
def _fit(
    key: jax.Array,
    examples: Examples,
    schedule: Schedule,
    widths: tuple[int, ...],
    batch_size: int,
    epoch_room: int,
    drops_out: bool,
) -> FitState:
    dropout_rate = jnp.float32(schedule.dropout_rate) if drops_out else None
    adam = optax.scale_by_adam()

    def batch_loss(weights: Weights, rows: jax.Array, words: jax.Array | None) -> tuple[jax.Array, Weights]:
        values = examples.features[rows]
        logits, statistics = _logits(weights, values, training=True, dropout_rate=dropout_rate, words=words)
        losses = _losses(logits, examples.labels[rows], examples.class_weights, schedule.lambda_danger)
        squares = sum(jnp.sum(layer["w"] ** 2) + jnp.sum(layer["b"] ** 2) for layer in weights)
        return losses.mean() + schedule.l2 * squares, statistics

    def step(position: jax.Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        weights, moments, words, order, lr, total = carry
        rows = jax.lax.dynamic_slice(order, (position * batch_size,), (batch_size,))
        grad = jax.value_and_grad(batch_loss, has_aux=True)
        (loss, statistics), gradients = grad(weights, rows, None if words is None else words[position])
        updates, moments = adam.update(gradients, moments)
        weights = [
            layer
            | {
                name: layer[name] - lr * (update[name] + schedule.weight_decay * layer[name])
                for name in ("w", "b", "gamma", "beta")
            }
            for layer, update in zip(weights, updates, strict=True)
        ]
        for number, layer in enumerate(statistics):
            weights[number] |= {"mean": layer["mean"], "var": layer["var"]}
        return weights, moments, words, order, lr, total + loss

    def epoch(state: FitState) -> FitState:
        key, order_key, step_key = jax.random.split(state.key, 3)
        order = examples.train_rows[shuffled_places(order_key, len(examples.train_rows), examples.n_train)]
        steps = examples.n_train // batch_size
        # All words of an epoch at once: a draw has a price of its own, however little is drawn.
        words = jax.random.bits(step_key, (len(order) // batch_size, len(widths) - 2, 2)) if drops_out else None
        start = (state.weights, state.moments, words, order, state.lr, jnp.float32(0.0))
        weights, moments, _, _, _, total = jax.lax.fori_loop(0, steps, step, start)
        loss, acc = _validation(weights, examples, schedule)
        return _after_epoch(state, weights, moments, key, jnp.stack([total / steps, loss, acc]), schedule)

    def goes_on(state: FitState) -> jax.Array:
        return (state.epoch < schedule.epochs) & (state.epoch - state.best_epoch < schedule.patience)

    init_key, fit_key = jax.random.split(key)
    weights = _initial_weights(init_key, widths)
    zero = jnp.int32(0)
    first = FitState(
        epoch=zero,
        weights=weights,
        moments=adam.init(weights),
        key=fit_key,
        lr=jnp.float32(schedule.lr),
        best_loss=jnp.float32(jnp.inf),
        best_epoch=zero,
        best_weights=weights,
        reduced_at=zero,
        history=jnp.zeros((epoch_room, 3)),
    )
    return jax.lax.while_loop(goes_on, epoch, first)


def _validation(weights: Weights, examples: Examples, schedule: Schedule) -> tuple[jax.Array, jax.Array]:
    logits, _ = _logits(weights, examples.validation_features)
    labels = examples.validation_labels
    losses = _losses(logits, labels, examples.class_weights, schedule.lambda_danger)
    counts = jnp.arange(len(labels)) < examples.n_validation
    rows = jnp.maximum(counts.sum(), 1)
    hits = (logits.argmax(axis=1) == labels) & counts
    return jnp.where(counts, losses, 0.0).sum() / rows, hits.sum() / rows


def _after_epoch(
    state: FitState, weights: Weights, moments: Any, key: jax.Array, figures: jax.Array, schedule: Schedule
) -> FitState:
    """Note the epoch, keep the best weights, and halve the learning rate on a plateau."""
    number = state.epoch + 1
    better = figures[1] < state.best_loss - MIN_IMPROVEMENT
    best_epoch = jnp.where(better, number, state.best_epoch)
    plateau = number - jnp.maximum(best_epoch, state.reduced_at) >= schedule.reduce_lr_patience
    return FitState(
        epoch=number,
        weights=weights,
        moments=moments,
        key=key,
        lr=jnp.where(plateau, jnp.maximum(state.lr / 2, MIN_LEARNING_RATE), state.lr),
        best_loss=jnp.where(better, figures[1], state.best_loss),
        best_epoch=best_epoch,
        best_weights=jax.tree.map(lambda new, old: jnp.where(better, new, old), weights, state.best_weights),
        reduced_at=jnp.where(plateau, number, state.reduced_at),
        history=state.history.at[state.epoch].set(figures),
    )


def _serving_weights(weights: list[dict[str, Any]]) -> list[dict[str, FloatArray]]:
    """Turn batch normalisation into a gain and an offset after the linear map; the last layer has none."""
    layers = []
    for layer in weights:
        gain = np.asarray(layer["gamma"], np.float64) / np.sqrt(
            np.asarray(layer["var"], np.float64) + BATCH_NORM_EPSILON
        )
        layers.append(
            {
                "w": np.asarray(layer["w"], np.float64),
                "b": np.asarray(layer["b"], np.float64),
                "gain": gain,
                "offset": np.asarray(layer["beta"], np.float64) - np.asarray(layer["mean"], np.float64) * gain,
            }
        )
    return layers


class _OnnxGraph:
    """Collects nodes and constants of a straight-line graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: FloatArray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def model(self, n_features: int) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, n_features])]
        outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(MOVES)])]
        graph = helper.make_graph(self.nodes, "rps", inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
