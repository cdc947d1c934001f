"""Each asset check with data that passes and data that does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper

from rps_assets.checks.data import (
    all_selected_human_games_are_present,
    columns_equal_the_contract,
    every_move_has_a_fair_share,
    features_know_only_the_past,
    much_was_known_before,
    the_stride_is_respected,
)
from rps_assets.checks.models import build_model_checks
from rps_assets.checks.promotion import build_promotion_checks
from rps_assets.checks.serving import api_serves_the_registry, holds_exactly_the_aliased_runs
from rps_assets.datasets.dataset_folder import DatasetError, DatasetFolder, is_of_prior
from rps_assets.datasets.verification import leaking_examples, stored_histories
from rps_assets.monitoring.registered_graphs import largest_deviation
from rps_assets.promotion.by_hand_plans import manual_entry
from rps_assets.promotion.cycle import slot_contents
from rps_assets.serving.run_writer import Submission
from rps_core.api_client import ApiClient
from rps_core.bundle.codec import sha256_hex
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import ALIASES
from rps_core.object_folder import ObjectFolder
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.standing import Standing
from rps_core.settings import load_settings
from rps_core.store.ledger import PromotionLedger
from tests.builders.bundles import manifest
from tests.builders.datasets import write_dataset
from tests.builders.simulation import dataset_frame
from tests.integration.assets.world import World

NOW = datetime(2026, 11, 2, tzinfo=UTC)
WIDTH = len(CURRENT_CONTRACT.columns)


def verdict_of(check: Any, **resources: Any) -> tuple[bool, Any, Any]:
    """Run a check and return whether it passed, what it expected and what it found."""
    result = check(**resources)
    assert isinstance(result, dg.AssetCheckResult)
    return result.passed, *(result.metadata[name].value for name in ("expected", "found"))


def labelled(n_games: int = 12, seed: int = 7, day: int = 1) -> pl.DataFrame:
    moment = pl.datetime(2026, 11, day, time_zone="UTC")
    return dataset_frame(n_games, seed).with_columns(created_at=moment, player_kind=pl.lit("human"))


def folder_with(tmp_path: Path, frame: pl.DataFrame, **changes: Any) -> DatasetFolder:
    folder = DatasetFolder(ObjectFolder.open(f"file://{tmp_path}/datasets"))
    write_dataset(folder, frame, **changes)
    games = frame.select("game_id", "player_kind").unique()
    folder.write_games(games, games)
    return folder


def test_a_sound_dataset_passes_the_three_checks(tmp_path: Path) -> None:
    datasets = folder_with(tmp_path, labelled())
    for check in (columns_equal_the_contract, every_move_has_a_fair_share, all_selected_human_games_are_present):
        assert verdict_of(check, datasets=datasets)[0]


@pytest.mark.parametrize(
    ("spoil", "all_finite"),
    [
        (lambda frame: frame.select(sorted(frame.columns)), True),
        (lambda frame: frame.with_columns(pl.lit(float("nan")).alias(CURRENT_CONTRACT.columns[0])), False),
        (lambda frame: frame.with_columns(pl.lit(float("inf")).alias(CURRENT_CONTRACT.columns[-1])), False),
    ],
    ids=["order", "not a number", "infinite"],
)
def test_columns_in_another_order_or_without_numbers_fail(
    tmp_path: Path, spoil: Callable[[pl.DataFrame], pl.DataFrame], all_finite: bool
) -> None:
    passed, expected, found = verdict_of(columns_equal_the_contract, datasets=folder_with(tmp_path, spoil(labelled())))
    assert not passed
    assert expected["columns"] == found["columns"] == WIDTH
    assert found["all_finite"] is all_finite


def test_a_dataset_in_which_a_move_hardly_occurs_causes_a_warning(tmp_path: Path) -> None:
    frame = labelled().with_columns(label=pl.lit(0, dtype=pl.Int8))
    result: Any = every_move_has_a_fair_share(datasets=folder_with(tmp_path, frame))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.metadata["found"].value == {"rock": 1.0, "paper": 0.0, "scissors": 0.0}


def test_a_dataset_flooded_since_the_previous_one_causes_a_warning(tmp_path: Path) -> None:
    games = 200
    old, new = labelled(games, seed=7), labelled(games, seed=8, day=2)
    datasets = folder_with(tmp_path, old)
    assert verdict_of(much_was_known_before, datasets=datasets)[0]
    for share, passes in ((0.75, True), (0.25, True), (0.1, False), (0.0, False)):
        kept = old.filter(pl.col("game_id").is_in(old["game_id"].unique(maintain_order=True).head(int(share * games))))
        frame = pl.concat([kept, new])[: len(old)]
        datasets = folder_with(tmp_path / str(share), old)
        # A dataset materialised again is still compared with the previous one, not with itself.
        for _ in range(2):
            write_dataset(datasets, frame)
            result: Any = much_was_known_before(datasets=datasets)
            assert (result.passed, result.severity) == (passes, dg.AssetCheckSeverity.WARN), share
            assert result.metadata["found"].value["share"] == pytest.approx(share, abs=0.05)


def test_other_games_of_the_same_time_are_not_a_flood(tmp_path: Path) -> None:
    """A selection takes every n-th scripted game, counted from the newest: a few new games select other ones."""
    datasets, frame = folder_with(tmp_path, labelled(200, seed=7)), labelled(200, seed=8)
    write_dataset(datasets, frame)
    assert verdict_of(much_was_known_before, datasets=datasets)[0]


def test_a_young_dataset_may_grow_at_any_pace(tmp_path: Path) -> None:
    datasets, frame = folder_with(tmp_path, labelled(20, seed=7)), labelled(40, seed=8, day=2)
    write_dataset(datasets, frame)
    assert verdict_of(much_was_known_before, datasets=datasets)[0]


def test_a_missing_selected_human_game_is_named(tmp_path: Path) -> None:
    datasets = folder_with(tmp_path, labelled())
    games = pl.DataFrame({"game_id": ["simulated-7-0", "lost"], "player_kind": ["human", "human"]})
    datasets.write_games(games, games)
    passed, expected, found = verdict_of(all_selected_human_games_are_present, datasets=datasets)
    assert (passed, expected["human_games"], found["missing"]) == (False, 2, ["lost"])


def test_a_label_that_leaked_into_the_features_is_named_by_game_and_round(trained: World) -> None:
    frame = trained.datasets.read_latest(CURRENT_CONTRACT)[1]
    # Games of simulated people are not in the store.
    frame = frame.filter(~is_of_prior(frame))
    with trained.engine.connect() as connection:
        histories = stored_histories(connection, frame["game_id"].unique().to_list())
    assert leaking_examples(frame, histories) == []
    game_id, number = frame.select("game_id", pl.col("round_no").cast(pl.Int64)).row(5)
    # A shift by zero rounds would do this: the move of this round is in the place of the previous one.
    leaked = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 5)
        .then((pl.col("label") == position).cast(pl.Float64))
        .otherwise(pl.col(f"last_{move}"))
        .alias(f"last_{move}")
        for position, move in enumerate(("rock", "paper", "scissors"))
    )
    was_same = leaked.row(5) == frame.row(5)
    assert leaking_examples(leaked, histories) == ([] if was_same else [f"{game_id}, round {number}"])
    mislabelled = frame.with_columns(label=((pl.col("label") + 1) % 3).cast(pl.Int8))
    assert len(leaking_examples(mislabelled, histories)) == len(frame)
    first, first_number = frame.select("game_id", pl.col("round_no").cast(pl.Int64)).row(0)
    assert leaking_examples(frame.head(1), {}) == [f"{first}, round {first_number} (not stored)"]


def test_leaks_are_searched_for_in_a_sample_of_the_newest_dataset(trained: World) -> None:
    passed, expected, found = verdict_of(
        features_know_only_the_past, gameplay_store=trained.engine, datasets=trained.datasets
    )
    assert passed
    assert expected == found
    assert expected["examples"] > 300


def stride_verdict(tmp_path: Path, kept: list[int], stride: int) -> tuple[bool, Any, Any]:
    """Check a selection of some of ten scripted games; 0 is the newest."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    games = pl.DataFrame(
        {
            "game_id": [f"game-{number}" for number in range(10)],
            "created_at": [start - timedelta(hours=number) for number in range(10)],
            "player_kind": ["scripted"] * 10,
        },
        schema_overrides={"created_at": pl.Datetime("us", "UTC")},
    )
    folder = DatasetFolder(ObjectFolder.open(f"file://{tmp_path}/datasets"))
    folder.write_games(games.filter(pl.col("game_id").is_in([f"game-{number}" for number in kept])), games)
    training = load_settings(training_scripted_game_stride=stride).training
    return verdict_of(the_stride_is_respected, training_settings=training, datasets=folder)


@pytest.mark.parametrize(
    ("kept", "stride", "passes"),
    [
        ([0, 5], 5, True),
        # The limit of examples drops the oldest games first.
        ([0, 2, 4], 2, True),
        ([], 5, True),
        ([0, 4], 5, False),
        ([1, 6], 5, False),
        ([0, 4, 6], 2, False),
        (list(range(10)), 5, False),
    ],
)
def test_a_selection_that_skips_or_adds_a_scripted_game_fails(
    tmp_path: Path, kept: list[int], stride: int, passes: bool
) -> None:
    passed, expected, found = stride_verdict(tmp_path, kept, stride)
    assert passed is passes
    assert bool(found["wrong_places"]) is not passes
    assert expected["stride"] == stride


def test_without_a_dataset_there_is_nothing_to_check(tmp_path: Path) -> None:
    datasets = DatasetFolder(ObjectFolder.open(f"file://{tmp_path}/datasets"))
    with pytest.raises(DatasetError, match="materialise training/dataset first"):
        columns_equal_the_contract(datasets=datasets)


def graph(weight: float) -> bytes:
    """Return a graph that answers with `weight` for each move, on any input."""
    nodes = [
        helper.make_node("MatMul", ["features", "zeros"], ["nothing"]),
        helper.make_node("Add", ["nothing", "weights"], ["probabilities"]),
    ]
    constants = [
        helper.make_tensor("zeros", TensorProto.FLOAT, (WIDTH, 3), np.zeros(WIDTH * 3, dtype=np.float32)),
        helper.make_tensor("weights", TensorProto.FLOAT, (3,), [weight] * 3),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, WIDTH])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])]
    made = helper.make_graph(nodes, "constant", inputs, outputs, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def put_into_b(world: World, onnx_bytes: bytes, fingerprint: str = "f" * 64, **metrics: float) -> None:
    """Register a graph with these metrics as forrest's B."""
    described = manifest(model_sha256=sha256_hex(onnx_bytes), metrics=metrics, trained_for="B")
    dataset = msgspec.structs.replace(described.dataset, fingerprint=fingerprint)
    described = msgspec.structs.replace(described, dataset=dataset)
    version = world.registry.log_and_register(
        Submission(
            family="xgboost",
            run_name="forrest@B by hand",
            onnx_bytes=onnx_bytes,
            manifest_for=lambda run_id: msgspec.structs.replace(described, run_id=run_id),
            parameters={},
            metrics=metrics,
        )
    )
    world.registry.set_alias("xgboost", "B", version.version)


def test_trained_models_beat_the_majority_and_a_worse_one_is_named(trained: World) -> None:
    beats, _, _ = build_model_checks("xgboost")
    put_into_b(trained, graph(1 / 3), test_accuracy=0.5, majority_accuracy=0.4)
    assert verdict_of(beats, model_registry=trained.registry)[2]["B"] == {
        "test_accuracy": 0.5,
        "majority_accuracy": 0.4,
    }
    put_into_b(trained, graph(1 / 3), test_accuracy=0.4, majority_accuracy=0.4)
    result: Any = beats(model_registry=trained.registry)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_probabilities_that_do_not_sum_to_one_are_found_by_alias(trained: World) -> None:
    _, sums, _ = build_model_checks("xgboost")
    assert verdict_of(sums, model_registry=trained.registry, datasets=trained.datasets)[0]
    put_into_b(trained, graph(0.4))
    passed, expected, found = verdict_of(sums, model_registry=trained.registry, datasets=trained.datasets)
    assert not passed
    assert found["B"] == pytest.approx(0.2, abs=1e-6)
    assert found["Production"] <= expected["largest_deviation"]


def test_a_graph_that_differs_from_its_trainer_is_named(trained: World) -> None:
    _, _, equals = build_model_checks("xgboost")
    resources = {"model_registry": trained.registry, "datasets": trained.datasets}
    passed, _, found = verdict_of(equals, **resources)
    assert passed
    assert found["accuracy_difference"].keys() == found["largest_difference"].keys() == set(ALIASES)
    put_into_b(trained, graph(1 / 3), onnx_max_difference=2e-5)
    passed, expected, found = verdict_of(equals, **resources)
    assert not passed
    assert found["largest_difference"]["B"] == 2e-5 > expected["largest_difference"]


def test_a_graph_whose_answers_have_changed_since_its_training_is_named(trained: World) -> None:
    _, _, equals = build_model_checks("xgboost")
    fingerprint = trained.datasets.latest().fingerprint
    put_into_b(trained, graph(1 / 3), fingerprint, onnx_max_difference=0.0, train_acc_production=0.9)
    passed, _, found = verdict_of(equals, model_registry=trained.registry, datasets=trained.datasets)
    assert not passed
    assert found["accuracy_difference"]["B"] > 0.1


def test_the_ledger_is_compared_with_the_registry_slot_by_slot(trained: World) -> None:
    (agrees,) = build_promotion_checks("xgboost")
    resources = {"gameplay_store": trained.engine, "model_registry": trained.registry}
    assert verdict_of(agrees, **resources)[0]
    held = slot_contents(trained.registry, "xgboost")
    standing = Standing(held, None, is_new=True, counts={}, accuracies={})
    # An alias moved in the registry alone, and an unfinished intent.
    ledger = PromotionLedger(trained.engine)
    newest = ledger.newest_decision("xgboost")
    ledger.append(
        manual_entry("xgboost", standing, {"B": held["shadow1"]}, newest, 0, PromotionRules(), "ledger only", NOW)
    )
    trained.registry.begin_promotion("xgboost", "{}")
    result: Any = agrees(**resources)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.metadata["differs_in"].value == "B, unfinished"


def test_a_negative_probability_is_infinitely_far_off() -> None:
    assert largest_deviation(graph(-1 / 3), np.zeros((2, WIDTH))) == float("inf")


def test_a_registry_without_models_fails_both_checks(world: World, trained_template: Path) -> None:
    datasets = DatasetFolder(ObjectFolder.open(f"file://{trained_template}/data/datasets"))
    beats, sums, _ = build_model_checks("xgboost")
    assert not verdict_of(beats, model_registry=world.registry)[0]
    assert not verdict_of(sums, model_registry=world.registry, datasets=datasets)[0]


def cache_verdict(world: World) -> tuple[bool, Any, Any]:
    return verdict_of(holds_exactly_the_aliased_runs, model_registry=world.registry, model_cache=world.cache)


def test_a_mirrored_cache_passes(trained: World) -> None:
    passed, expected, found = cache_verdict(trained)
    assert passed
    assert expected == found


def runs(world: World) -> list[Path]:
    return sorted(path for path in (world.settings.storage.data_path / "model_cache").iterdir() if path.is_dir())


def add_a_run(world: World) -> None:
    (runs(world)[0].parent / ("f" * 32)).mkdir()


def change_a_marker(world: World) -> None:
    next(runs(world)[0].glob(".alias_*")).write_text("rps_bot_xgboost@B v999")


def remove_a_marker(world: World) -> None:
    next(runs(world)[0].glob(".alias_*")).unlink()


def damage_a_graph(world: World) -> None:
    (runs(world)[0] / "model" / "model.onnx").write_bytes(b"damaged")


def remove_the_index(world: World) -> None:
    (runs(world)[0].parent / "index.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (add_a_run, "runs"),
        (change_a_marker, "markers"),
        (remove_a_marker, "markers"),
        (damage_a_graph, "damaged_slots"),
        (remove_the_index, "index_slots"),
    ],
)
def test_a_cache_that_differs_from_the_registry_fails_and_shows_where(
    trained: World, spoil: Callable[[World], None], where: str
) -> None:
    spoil(trained)
    passed, expected, found = cache_verdict(trained)
    assert not passed
    assert {name for name in expected if expected[name] != found[name]} == {where}
    check: Any = holds_exactly_the_aliased_runs
    shown = check(model_registry=trained.registry, model_cache=trained.cache).metadata
    assert shown["differs_in"].value == where


def test_the_api_is_compared_with_the_registry_slot_by_slot(trained: World) -> None:
    api = ApiClient(trained.settings.services.api_base_url)
    assert verdict_of(api_serves_the_registry, model_registry=trained.registry, api=api)[0]
    trained.api.served["xgboost@B"]["version"] = "999"
    passed, expected, found = verdict_of(api_serves_the_registry, model_registry=trained.registry, api=api)
    assert not passed
    assert {slot for slot in expected if expected[slot] != found[slot]} == {"xgboost@B"}
