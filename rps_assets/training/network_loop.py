"""The training loop of the networks and its loss, as one compiled JAX function.

Epochs, validation, learning-rate schedule, early stopping and best weights all live inside a `while_loop`. Only layer
widths, batch size, room for epochs and the presence of dropout are static. All else is traced, so the folds and aliases
of a family share one compilation.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from rps_assets.training.network_layers import Weights, forward, initial_weights
from rps_core.game.moves import HUNTER_INDEX

MIN_LEARNING_RATE = 1e-6
# Without validation rows, their loss is 0.
SMALLEST_WEIGHT = 1e-9
MIN_IMPROVEMENT = 1e-6
# Rows whose layers exist at the same time during validation; a power of two.
VALIDATED_TOGETHER = 16_384
_HUNTER = jnp.array(HUNTER_INDEX)


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
    """All rows of the dataset with scaler and weights, and the places of the training and validation rows; all padded.

    The mean weight of the training rows is 1.
    """

    features: jax.Array
    mean: jax.Array
    scale: jax.Array
    labels: jax.Array
    weights: jax.Array
    train_rows: jax.Array
    n_train: int
    validation_rows: jax.Array
    n_validation: int
    class_weights: jax.Array


class FitState(NamedTuple):
    """What one epoch passes to the next.

    Attributes:
        history: one row per epoch: training loss, validation loss, validation accuracy.
    """

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


@partial(jax.jit, static_argnames=("widths", "batch_size", "epoch_room", "drops_out"))
def run_fit(
    key: jax.Array,
    examples: Examples,
    schedule: Schedule,
    widths: tuple[int, ...],
    batch_size: int,
    epoch_room: int,
    drops_out: bool,
) -> FitState:
    """Train from random weights until `schedule` stops, and return the last state.

    Args:
        key: source of all randomness.
        examples: the rows to train and to validate on.
        schedule: hyperparameters.
        widths: widths of the layers, from the features to the classes.
        batch_size: rows a step; rows left over at the end of an epoch are skipped.
        epoch_room: rows of the history, at least `schedule.epochs`.
        drops_out: whether the dropout rate is above 0.
    """
    dropout_rate = jnp.float32(schedule.dropout_rate) if drops_out else None
    adam = optax.scale_by_adam()

    def batch_loss(weights: Weights, rows: jax.Array, words: jax.Array | None) -> tuple[jax.Array, Weights]:
        values = _scaled(examples, rows)
        logits, statistics = forward(weights, values, training=True, dropout_rate=dropout_rate, words=words)
        losses = example_losses(logits, examples.labels[rows], examples.class_weights, schedule.lambda_danger)
        squares = sum(jnp.sum(layer["w"] ** 2) + jnp.sum(layer["b"] ** 2) for layer in weights)
        return (losses * examples.weights[rows]).mean() + schedule.l2 * squares, statistics

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
        # All words of an epoch are drawn at once: each draw has a fixed cost, however small it is.
        words = jax.random.bits(step_key, (len(order) // batch_size, len(widths) - 2, 2)) if drops_out else None
        start = (state.weights, state.moments, words, order, state.lr, jnp.float32(0.0))
        weights, moments, _, _, _, total = jax.lax.fori_loop(0, steps, step, start)
        loss, accuracy = _validation(weights, examples, schedule)
        return _after_epoch(state, weights, moments, key, jnp.stack([total / steps, loss, accuracy]), schedule)

    def goes_on(state: FitState) -> jax.Array:
        return (state.epoch < schedule.epochs) & (state.epoch - state.best_epoch < schedule.patience)

    init_key, fit_key = jax.random.split(key)
    weights = initial_weights(init_key, widths)
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


def shuffled_places(key: jax.Array, room: int, filled: jax.Array | int) -> jax.Array:
    """Return the places below `room`, uint32 (room,): first the filled ones in random order, then the others.

    Draw and place share one number, because sorting pairs takes five times as long. The bits that are left for the draw
    are enough: rows with equal draws keep their old order, but mostly end up in the same batch.
    """
    place_bits = (room - 1).bit_length()
    places = jnp.arange(room, dtype=jnp.uint32)
    draws = jnp.where(places < filled, jax.random.bits(key, (room,)), np.uint32(2**32 - 1))
    return jnp.sort((draws >> place_bits << place_bits) | places) & np.uint32(2**place_bits - 1)


def _validation(weights: Weights, examples: Examples, schedule: Schedule) -> tuple[jax.Array, jax.Array]:
    """Return the weighted loss and accuracy on the validation rows, without their padding."""
    room = len(examples.validation_rows)
    together = min(room & -room, VALIDATED_TOGETHER)

    def figures(first: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        rows = jax.lax.dynamic_slice(examples.validation_rows, (first,), (together,))
        logits, _ = forward(weights, _scaled(examples, rows))
        labels = examples.labels[rows]
        losses = example_losses(logits, labels, examples.class_weights, schedule.lambda_danger)
        counts = jnp.where(first + jnp.arange(together) < examples.n_validation, examples.weights[rows], 0.0)
        hits = (logits.argmax(axis=1) == labels) * counts
        return jnp.where(counts > 0, losses * counts, 0.0).sum(), hits.sum(), counts.sum()

    losses, hits, counts = (found.sum() for found in jax.lax.map(figures, jnp.arange(0, room, together)))
    total = jnp.maximum(counts, SMALLEST_WEIGHT)
    return losses / total, hits / total


def _scaled(examples: Examples, rows: jax.Array) -> jax.Array:
    return (examples.features[rows] - examples.mean) / examples.scale


def _after_epoch(
    state: FitState, weights: Weights, moments: Any, key: jax.Array, figures: jax.Array, schedule: Schedule
) -> FitState:
    """Record the epoch, keep the best weights, and halve the learning rate on a plateau."""
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


def example_losses(logits: jax.Array, labels: jax.Array, class_weights: jax.Array, lambda_danger: float) -> jax.Array:
    """Return the loss of each example: weighted cross-entropy plus the weighted probability of the label's hunter."""
    rows = jnp.arange(len(labels))
    log_probabilities = jax.nn.log_softmax(logits)
    danger = jnp.exp(log_probabilities[rows, _HUNTER[labels]])
    return -class_weights[labels] * log_probabilities[rows, labels] + lambda_danger * danger
