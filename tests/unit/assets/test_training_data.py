"""Stored rounds become the examples of a dataset, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, Engine, update

from rps_assets.datasets import build
from rps_assets.datasets.build import build_dataset, read_rounds, round_schema
from rps_assets.datasets.canonical import fingerprint_of_examples as fingerprint_of
from rps_assets.datasets.feature_frame import feature_frame
from rps_assets.datasets.feature_tables import TABLES
from rps_assets.datasets.selection import read_games
from rps_core.features.contract import CONTRACT_V2
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.store import GameStore
from rps_core.store.analytics.training import select_rounds
from rps_core.store.schema import events
from tests.builders.games import START, new_game, play_to_the_end
from tests.unit.store.conftest import engine as engine  # noqa: PLC0414  # the same two databases

# None of these survives a detour over fifteen decimal digits; imported rounds may hold any number.
ODD_FLOATS = (0.1 + 0.2, 9.999999999999998, -1 / 3, 5e-324, 1.7e308)


@pytest.fixture
def store(engine: Engine) -> GameStore:
    """Games created in another order than their ids and their stored rounds; two were created at the same time."""
    store = GameStore(engine)
    for game_id, hours, kind in (("m", 2, "human"), ("Ä", 1, "scripted"), ("z", 0, "human"), ("a", 2, "human")):
        created = START + timedelta(hours=hours)
        play_to_the_end(store, new_game(game_id, created_at=created, player_kind=kind), seed=ord(game_id))
    columns = ("round_rock_pts", "round_paper_pts", "round_scissors_pts", "user_score", "bot_score")
    with engine.begin() as connection:
        odd: Any = dict(zip(columns, ODD_FLOATS, strict=True))
        connection.execute(update(events).where(events.c.game_id == "m", events.c.step_no == 2).values(odd))
    return store


def candidates(connection: Connection) -> pl.DataFrame:
    return read_games(connection, datetime(2000, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("rows_a_fetch", [1, 7, 10_000])
def test_rounds_are_read_bit_for_bit_in_portions_of_any_size(
    store: GameStore, monkeypatch: pytest.MonkeyPatch, rows_a_fetch: int
) -> None:
    monkeypatch.setattr(build, "ROWS_A_FETCH", rows_a_fetch)
    with store.engine.connect() as connection:
        found = read_rounds(connection, ["m", "z"])
        expected = [tuple(row) for row in connection.execute(select_rounds(["m", "z"]))]
    assert dict(found.schema) == round_schema()
    # Two different doubles never have the same text.
    assert sorted(map(repr, found.iter_rows())) == sorted(map(repr, expected))
    odd = found.filter(pl.col("game_id") == "m", pl.col("round_no") == 2)
    assert repr(odd.row(0)[4:]) == repr(ODD_FLOATS)


@pytest.mark.parametrize("named", [10_000, 2], ids=["at once", "in portions"])
def test_examples_are_in_training_order_regardless_of_the_order_of_the_games(
    store: GameStore, monkeypatch: pytest.MonkeyPatch, named: int
) -> None:
    monkeypatch.setattr(build, "MAX_NAMED_GAMES", named)
    with store.engine.connect() as connection:
        games = candidates(connection).filter(pl.col("game_id") != "z")
        frame = build_dataset(connection, games, TABLES[2])
        other_way_round = build_dataset(connection, games.reverse(), TABLES[2])
        # The same result from joins on the whole table.
        rounds = read_rounds(connection, games["game_id"].to_list()).join(games, on="game_id")
        features = feature_frame(rounds.sort("created_at", "game_id", "round_no"))
    expected = features.filter(pl.col("round_no") >= FIRST_POLICY_ROUND).join(games, on="game_id", how="left")
    assert frame["game_id"].unique(maintain_order=True).to_list() == ["Ä", "a", "m"]
    assert frame.equals(other_way_round)
    assert frame.equals(expected.select(frame.columns))
    assert frame.schema["game_id"] == pl.String
    assert fingerprint_of(frame, CONTRACT_V2) == fingerprint_of(expected.select(frame.columns), CONTRACT_V2)


def test_without_games_there_are_no_examples(store: GameStore) -> None:
    with store.engine.connect() as connection:
        games = candidates(connection)
        none, some = build_dataset(connection, games.head(0)), build_dataset(connection, games)
    assert len(none) == 0
    assert none.schema == some.schema


def test_a_game_with_a_missing_round_is_named(store: GameStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(events.delete().where(events.c.game_id == "Ä", events.c.step_no == 2))
    expected = pytest.raises(ValueError, match="the rounds of game Ä are not 1, 2, 3 …: found round 3")
    with store.engine.begin() as connection, expected:
        build_dataset(connection, candidates(connection))
