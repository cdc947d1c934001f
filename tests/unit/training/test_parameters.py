"""Hyperparameters: the configurations, their bounds, and their JSON form."""

import msgspec
import pytest

from rps_assets.training.parameters import (
    PARAMETER_TYPES,
    Configuration,
    InvalidConfiguration,
    XGBoostParameters,
    configuration,
    configurations,
    default_configuration,
    from_json,
    to_json,
)
from rps_core.game.families import ALIASES, FAMILIES, Family


def changed(config_id: str, **changes: object) -> bytes:
    """Return a stored configuration with some parameters changed."""
    stored = msgspec.to_builtins(configuration(config_id))
    stored["parameters"] |= changes
    return msgspec.json.encode(stored)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_has_twelve_configurations_of_the_search_four_small_ones_and_a_baseline(family: Family) -> None:
    found = [candidate for candidate in configurations().values() if candidate.family == family]

    assert [candidate.id[-3] for candidate in found] == ["c"] * 12 + ["s"] * 4 + ["b"]
    assert {type(candidate.parameters) for candidate in found} == {PARAMETER_TYPES[family]}
    assert len({candidate.parameters for candidate in found}) == 17


# Rows of the table of the original system's search in October 2025.
@pytest.mark.parametrize(
    ("config_id", "expected"),
    [
        ("ffnn_c09", {"hidden_sizes": (256, 256, 128), "dropout_rate": 0.2, "batch_size": 256, "lr": 0.0005}),
        ("ffnn_c09", {"weight_decay": 0.0003, "patience": 40, "reduce_lr_patience": 10, "lambda_danger": 0.3}),
        ("mn_c11", {"batch_size": 128, "lr": 0.01, "l2_lambda": 0.1, "use_class_weights": False, "patience": 26}),
        ("xgb_c03", {"n_estimators": 1000, "learning_rate": 0.03, "max_depth": 6, "subsample": 0.8, "gamma": 0.0}),
        ("xgb_c08", {"n_estimators": 300, "gamma": 0.3, "tree_method": "hist", "early_stopping_rounds": 30}),
    ],
)
def test_a_configuration_holds_the_values_of_the_search_table(config_id: str, expected: dict[str, object]) -> None:
    stored = msgspec.to_builtins(configuration(config_id).parameters)

    assert {name: stored[name] for name in expected} == expected


def test_the_four_aliases_of_a_family_start_with_four_different_configurations() -> None:
    for family in FAMILIES:
        chosen = [default_configuration(family, alias) for alias in ALIASES]
        assert {candidate.family for candidate in chosen} == {family}
        assert len({candidate.parameters for candidate in chosen}) == len(ALIASES)


def test_slots_start_with_small_configurations_whose_trees_have_few_nodes() -> None:
    first = [default_configuration(family, alias) for family in FAMILIES for alias in ALIASES]
    assert [chosen.id.partition("_s")[2] for chosen in first] == ["01", "02", "03", "04"] * 3
    trees = [chosen.parameters for chosen in first if isinstance(chosen.parameters, XGBoostParameters)]
    assert sum(tree.n_estimators * 3 * (2 ** (tree.max_depth + 1) - 1) for tree in trees) <= 16_000


def test_a_parameter_at_its_default_is_not_written_so_that_older_configurations_keep_their_digest() -> None:
    assert b"max_bin" not in to_json(configuration("xgb_c01"))
    assert b'"max_bin": 64' in to_json(configuration("xgb_s01"))


@pytest.mark.parametrize("config_id", sorted(configurations()))
def test_a_configuration_is_equal_after_a_round_trip_through_json(config_id: str) -> None:
    original = configuration(config_id)

    assert from_json(to_json(original)) == original


def test_the_error_for_an_unknown_configuration_lists_the_known_ones() -> None:
    with pytest.raises(InvalidConfiguration, match=r"'xgb_c13'.*ffnn_c01"):
        configuration("xgb_c13")


@pytest.mark.parametrize(
    ("config_id", "name", "value"),
    [
        ("ffnn_c01", "dropout_rate", 1.0),
        ("ffnn_c01", "dropout_rate", -0.1),
        ("ffnn_c01", "hidden_sizes", [64, 0]),
        ("ffnn_c01", "hidden_sizes", [8] * 9),
        ("ffnn_c01", "weight_decay", -1e-9),
        ("ffnn_c01", "epochs", 0),
        ("ffnn_c01", "epochs", 10**6),
        ("mn_c01", "lr", 0.0),
        ("mn_c01", "batch_size", 0),
        ("mn_c01", "l2_lambda", -1.0),
        ("mn_c01", "use_class_weights", "False"),
        ("mn_c01", "patience", 2.5),
        ("xgb_c01", "learning_rate", 1.01),
        ("xgb_c01", "max_depth", 0),
        ("xgb_c01", "subsample", 0.0),
        ("xgb_c01", "n_estimators", 10_001),
        ("xgb_c01", "early_stopping_rounds", 0),
        ("xgb_c01", "gamma", None),
        ("xgb_c01", "momentum", 0.9),
    ],
)
def test_the_error_for_an_invalid_parameter_names_it_and_its_configuration(
    config_id: str, name: str, value: object
) -> None:
    with pytest.raises(InvalidConfiguration, match=rf"{config_id}.*{name}"):
        from_json(changed(config_id, **{name: value}))


def test_the_error_for_a_missing_parameter_names_it() -> None:
    stored = msgspec.to_builtins(configuration("mn_c01"))
    del stored["parameters"]["patience"]

    with pytest.raises(InvalidConfiguration, match="patience"):
        from_json(msgspec.json.encode(stored))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        to_json(configuration("mn_c01")).replace(b"multinomial_logistic", b"mnlogit"),
        to_json(configuration("mn_c01")).replace(b'"lr": 0.01', b'"lr": 1e999'),
        to_json(configuration("mn_c01")).replace(b'"lr": 0.01', b'"lr": NaN'),
        # Parameters of one family under the name of another.
        to_json(configuration("mn_c01")).replace(b"multinomial_logistic", b"xgboost"),
    ],
)
def test_damaged_configurations_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidConfiguration):
        from_json(data)


def test_a_configuration_cannot_be_changed_in_place() -> None:
    frozen: Configuration = configuration("mn_c01")

    with pytest.raises(AttributeError):
        frozen.parameters.lr = 1.0  # type: ignore[union-attr, misc]  # the test is about this error
