"""Typed hyperparameters, the 36 configurations, and the first configuration of each slot.

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


class XGBoostParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Boosted trees with softmax probabilities over three classes."""

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


# Production starts with the configuration that predicted scripted players best (`benchmarks/training.py`): deep trees
# with a low learning rate, and the most strongly regularised network. The challengers vary the least certain choices:
# the depth and penalties of the trees, the capacity (c02) and regularisation (c08, c01) of the network, and the ridge
# (c02), danger term (c06) and class weights (c04) of the regression.
_FIRST_CONFIGURATIONS: dict[Family, dict[Alias, str]] = {
    "xgboost": {"Production": "xgb_c03", "B": "xgb_c01", "shadow1": "xgb_c02", "shadow2": "xgb_c08"},
    "feedforward_nn": {"Production": "ffnn_c07", "B": "ffnn_c08", "shadow1": "ffnn_c02", "shadow2": "ffnn_c01"},
    "multinomial_logistic": {"Production": "mn_c01", "B": "mn_c02", "shadow1": "mn_c06", "shadow2": "mn_c04"},
}


@cache
def configurations() -> dict[str, Configuration]:
    """Return the 36 configurations by id."""
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
