"""Columns and their sources."""

import dagster as dg
import pytest

from rps_assets.assets import keys
from rps_assets.assets.columns import (
    dataset_lineage,
    dataset_schema,
    features_lineage,
    features_schema,
    rounds_schema,
    sources_of,
)
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.store.schema import events


def test_every_column_of_the_dataset_is_described_and_traced() -> None:
    columns = {column.name: column for column in dataset_schema().columns}
    assert tuple(columns)[3:-1] == CURRENT_CONTRACT.columns
    assert all(column.description for column in columns.values())
    assert dataset_lineage().deps_by_column.keys() == columns.keys()


def test_each_trace_ends_at_a_column_that_is_there() -> None:
    known = {column.name for column in rounds_schema().columns}
    assert known == {column.name for column in events.columns}
    for column, deps in features_lineage().deps_by_column.items():
        assert deps, column
        assert all(dep.asset_key == keys.ROUNDS and dep.column_name in known for dep in deps), column
    features = {column.name for column in features_schema().columns}
    for column, deps in dataset_lineage().deps_by_column.items():
        assert deps, column
        assert all(dep.column_name in features for dep in deps if dep.asset_key == keys.FEATURES), column


@pytest.mark.parametrize(
    ("feature", "sources"),
    [
        ("last_rock", ("user_move",)),
        ("result_-2_draw", ("user_move", "bot_move")),
        ("value_up", ("user_move", "round_rock_pts", "round_paper_pts", "round_scissors_pts")),
        ("after_result_seen", ("user_move", "bot_move")),
        ("after_step_up", ("user_move",)),
        ("user_pts_to_win", ("user_score",)),
        ("bot_pts_to_win", ("bot_score",)),
        ("round_no", ("step_no",)),
    ],
)
def test_each_feature_is_traced_to_its_sources(feature: str, sources: tuple[str, ...]) -> None:
    assert sources_of(feature) == sources


def test_a_feature_without_a_description_is_an_error_that_names_the_file_to_edit() -> None:
    with pytest.raises(KeyError, match=r"rps_assets/assets/columns\.py"):
        sources_of("mood")


def test_the_features_are_traced_to_the_rounds_and_the_game_to_the_selection() -> None:
    deps = dataset_lineage().deps_by_column
    assert features_lineage().deps_by_column["label"] == [
        dg.TableColumnDep(asset_key=keys.ROUNDS, column_name="user_move")
    ]
    assert deps["label"] == [dg.TableColumnDep(asset_key=keys.FEATURES, column_name="label")]
    assert deps["player_kind"] == [dg.TableColumnDep(asset_key=keys.TRAINING_GAMES, column_name="player_kind")]
