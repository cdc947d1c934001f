"""Typed hyperparameters, the configurations of the search, small ones and baselines, and the first one of each slot.

Each MLflow run stores its configuration as JSON, so a retraining uses the configuration of the previous version.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from rps_core.errors import RpsError
from rps_core.game.families import Alias, Family

Positive = Annotated[int, msgspec.Meta(ge=1)]
PositiveReal = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
DropoutRate = Annotated[float, msgspec.Meta(ge=0, lt=1)]
LayerWidths = Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=4096)], ...], msgspec.Meta(max_length=8)]
Epochs = Annotated[int, msgspec.Meta(ge=1, le=2000)]


class InvalidConfiguration(RpsError, ValueError):
    """A hyperparameter is missing, unknown or out of range."""


class NetworkParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A multilayer perceptron; `lambda_danger` is the weight of the danger term in the loss."""

    hidden_sizes: LayerWidths
    dropout_rate: DropoutRate
    epochs: Epochs
    batch_size: Positive
    lr: PositiveReal
    weight_decay: NonNegative
    patience: Positive
    reduce_lr_patience: Positive
    lambda_danger: NonNegative


class LogisticParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A softmax regression; `l2_lambda` is divided by the number of training examples."""

    epochs: Epochs
    batch_size: Positive
    lr: PositiveReal
    l2_lambda: NonNegative
    use_class_weights: bool
    lambda_danger: NonNegative
    patience: Positive
    reduce_lr_patience: Positive


class XGBoostParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Boosted trees with softmax probabilities over three classes.

    Defaults are not written: a stored configuration without `max_bin` has the same digest as before there was one.
    """

    n_estimators: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    learning_rate: Share
    max_depth: Annotated[int, msgspec.Meta(ge=1, le=16)]
    min_child_weight: NonNegative
    subsample: Share
    colsample_bytree: Share
    reg_lambda: NonNegative
    reg_alpha: NonNegative
    gamma: NonNegative
    tree_method: str
    early_stopping_rounds: Positive
    max_bin: Annotated[int, msgspec.Meta(ge=2, le=256)] = 256


Parameters: TypeAlias = NetworkParameters | LogisticParameters | XGBoostParameters

PARAMETER_TYPES: dict[Family, type[Parameters]] = {
    "feedforward_nn": NetworkParameters,
    "multinomial_logistic": LogisticParameters,
    "xgboost": XGBoostParameters,
}


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of hyperparameters for one family."""

    id: str
    family: Family
    note: str
    parameters: Parameters


class _StoredConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    family: Family
    note: str
    parameters: dict[str, object]


# Slots start with small models: on people they are as accurate as models twenty times as large, and they train in a
# fifth of the time. The challengers vary the least certain choices: depth and leaves of the trees, dropout, decay and
# danger term of the network, and ridge, class weights and danger term of the regression.
_FIRST_CONFIGURATIONS: dict[Family, dict[Alias, str]] = {
    "xgboost": {"Production": "xgb_s01", "B": "xgb_s02", "shadow1": "xgb_s03", "shadow2": "xgb_s04"},
    "feedforward_nn": {"Production": "ffnn_s01", "B": "ffnn_s02", "shadow1": "ffnn_s03", "shadow2": "ffnn_s04"},
    "multinomial_logistic": {"Production": "mn_s01", "B": "mn_s02", "shadow1": "mn_s03", "shadow2": "mn_s04"},
}


@cache
def configurations() -> dict[str, Configuration]:
    """Return all configurations by id.

    Each family has twelve of the original's search (c01 to c12), four small ones (s01 to s04), and a baseline (b01)
    whose probabilities hardly depend on the features.
    """
    text = Path(__file__).with_name("configurations.json").read_bytes()
    stored = msgspec.json.decode(text, type=list[_StoredConfiguration])
    return {found.id: _typed(found) for found in stored}


def configuration(config_id: str) -> Configuration:
    """Return a configuration by id.

    Raises:
        InvalidConfiguration: the id is unknown.
    """
    found = configurations().get(config_id)
    if found is None:
        raise InvalidConfiguration(f"unknown configuration {config_id!r}; known: {', '.join(configurations())}")
    return found


def default_configuration(family: Family, alias: Alias) -> Configuration:
    """Return the configuration of a slot's first version."""
    return configuration(_FIRST_CONFIGURATIONS[family][alias])


def to_json(value: Configuration) -> bytes:
    """Return the JSON that a run stores as its configuration."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def from_json(data: bytes) -> Configuration:
    """Parse the output of `to_json`.

    Raises:
        InvalidConfiguration: a parameter is missing, unknown or out of range; the message names it.
    """
    try:
        return _typed(msgspec.json.decode(data, type=_StoredConfiguration))
    except msgspec.DecodeError as error:
        raise InvalidConfiguration(f"the stored configuration is not valid: {error}") from error


def _typed(stored: _StoredConfiguration) -> Configuration:
    try:
        parameters = msgspec.convert(stored.parameters, PARAMETER_TYPES[stored.family])
    except msgspec.ValidationError as error:
        raise InvalidConfiguration(f"configuration {stored.id} of {stored.family}: {error}") from error
    return Configuration(id=stored.id, family=stored.family, note=stored.note, parameters=parameters)
