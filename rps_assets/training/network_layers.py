"""Layers of the networks, as JAX functions.

A hidden layer is a linear map, batch normalisation, ReLU and dropout. The last layer is a linear map alone.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-5

Weights = list[dict[str, jax.Array]]


def initial_weights(key: jax.Array, widths: tuple[int, ...]) -> Weights:
    """Return random weights for layers of the given widths, the input's included."""
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


def forward(
    weights: Weights,
    values: jax.Array,
    *,
    training: bool = False,
    dropout_rate: jax.Array | None = None,
    words: jax.Array | None = None,
) -> tuple[jax.Array, Weights]:
    """Return the logits and, in training mode, the hidden layers with updated batch statistics.

    Hidden layers drop out if there is a rate and random words, uint32 (layers, 2).
    """
    updated: Weights = []
    for number, layer in enumerate(weights[:-1]):
        values = values @ layer["w"] + layer["b"]
        mean, var = layer["mean"], layer["var"]
        if training:
            mean, var = values.mean(axis=0), values.var(axis=0)
            batch = {"mean": mean, "var": var}
            running = {
                name: BATCH_NORM_MOMENTUM * layer[name] + (1 - BATCH_NORM_MOMENTUM) * value
                for name, value in batch.items()
            }
            updated.append(jax.lax.stop_gradient(layer | running))
        values = (values - mean) * jax.lax.rsqrt(var + BATCH_NORM_EPSILON) * layer["gamma"] + layer["beta"]
        values = jax.nn.relu(values)
        if dropout_rate is not None and words is not None:
            keeps = dropout_keeps(words[number], values.shape, dropout_rate)
            values = jnp.where(keeps, values / (1 - dropout_rate), 0.0)
    return values @ weights[-1]["w"] + weights[-1]["b"], updated


def dropout_keeps(words: jax.Array, shape: tuple[int, ...], rate: jax.Array) -> jax.Array:
    """Return which values a layer keeps, bool of the given shape, from two random words, uint32 (2,).

    Each value's position is hashed with the words. `jax.random` would take half of the time of a fit: it writes its
    bits to memory first, whereas the hash is compiled into the loop that uses it.
    """
    positions = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    return _hash(_hash(positions + words[0]) ^ words[1]) >= (rate * 2.0**32).astype(jnp.uint32)


def _hash(numbers: jax.Array) -> jax.Array:
    """Return a permutation of uint32 whose output bits depend on all input bits: "lowbias32" of hash-prospector."""
    numbers = (numbers ^ (numbers >> 16)) * np.uint32(0x7FEB352D)
    numbers = (numbers ^ (numbers >> 15)) * np.uint32(0x846CA68B)
    return numbers ^ (numbers >> 16)
