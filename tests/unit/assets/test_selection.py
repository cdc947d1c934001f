"""Selection of the games that train."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from rps_assets.datasets.selection import (
    DROPPED_CAP,
    DROPPED_OLD,
    DROPPED_STRIDE,
    DROPPED_TEST,
    GAME_SCHEMA,
    kept_games,
    plan_training_games,
)

START = datetime(2026, 11, 1, tzinfo=UTC)


def table(*kinds: str, examples: int = 10) -> pl.DataFrame:
    """Return one game per hour, named by kind and position, newest last."""
    rows = [
        {
            "game_id": f"{kind}-{position}",
            "created_at": START + timedelta(hours=position),
            "player_kind": kind,
            "player_name": "x",
            "examples": examples,
        }
        for position, kind in enumerate(kinds)
    ]
    return pl.DataFrame(rows, schema=GAME_SCHEMA)


def kept(games: pl.DataFrame, stride: int = 1, max_examples: int = 10_000, since: datetime = START) -> list[str]:
    return kept_games(plan_training_games(games, since, stride, max_examples))["game_id"].to_list()


def test_the_newest_scripted_game_and_every_nth_older_one_train() -> None:
    assert kept(table(*["scripted"] * 7), stride=3) == ["scripted-0", "scripted-3", "scripted-6"]


def test_human_games_are_kept_with_any_stride_and_do_not_shift_it() -> None:
    games = table("scripted", "human", "scripted", "human", "scripted")
    assert kept(games, stride=2) == ["scripted-0", "human-1", "human-3", "scripted-4"]
    assert kept(games, stride=100) == ["human-1", "human-3", "scripted-4"]


def test_the_stride_follows_creation_time_and_not_id_or_row_order() -> None:
    games = table(*["scripted"] * 5).with_columns(game_id=pl.Series(["e", "a", "d", "b", "c"]))
    assert kept(games.sample(fraction=1.0, shuffle=True, seed=3), stride=2) == ["e", "d", "c"]


def test_test_games_and_old_games_neither_train_nor_count_for_the_stride() -> None:
    games = table("scripted", "scripted", "test", "scripted", "scripted")
    planned = plan_training_games(games, START + timedelta(hours=1), 2, 10_000)
    assert planned["dropped"].to_list() == [DROPPED_OLD, None, DROPPED_TEST, DROPPED_STRIDE, None]


def test_the_cap_drops_whole_games_the_oldest_scripted_ones_first() -> None:
    games = table("human", "scripted", "scripted", "human", "scripted")
    planned = plan_training_games(games, START, 1, 39)
    assert planned["dropped"].to_list() == [None, DROPPED_CAP, DROPPED_CAP, None, None]
    assert kept_games(planned)["examples"].sum() <= 39


def test_human_games_are_dropped_only_if_they_alone_exceed_the_cap() -> None:
    games = table("human", "human", "scripted", "human")
    assert kept(games, max_examples=30) == ["human-0", "human-1", "human-3"]
    assert kept(games, max_examples=29) == ["human-1", "human-3"]


@pytest.mark.parametrize("stride", [0, 1])
def test_a_stride_of_one_or_less_keeps_all_games(stride: int) -> None:
    assert len(kept(table(*["scripted"] * 4), stride=stride)) == 4


def test_an_empty_store_selects_nothing() -> None:
    assert kept(table()) == []
