"""Which games count, and for what: every rule against every kind of game, on SQLite and on PostgreSQL."""

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import ColumnElement, Engine, insert, select

from rps_core.game.players import PLAYER_KINDS
from rps_core.store import counting
from rps_core.store.counting import counts_for_training, exclusion_reason, played_by_script
from rps_core.store.game_rows import game_values
from rps_core.store.schema import ORIGINS, games
from tests.builders.games import START, new_game

COUNTED = ["human imported", "human played", "scripted imported", "scripted played"]


@pytest.fixture
def every_kind(engine: Engine) -> Engine:
    """A store with a finished game of each kind of player and origin."""
    with engine.begin() as connection:
        for kind, origin in product(PLAYER_KINDS, ORIGINS):
            game = new_game(f"{kind} {origin}", player_kind=kind, player_name="Ace", finished_at=START)
            connection.execute(insert(games).values(game_values(game) | {"origin": origin}))
    return engine


def counted(engine: Engine, rule: ColumnElement[bool]) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(games.c.id).where(rule).order_by(games.c.id)))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("is_value_game", sorted(f"{kind} {origin}" for kind in PLAYER_KINDS for origin in ("imported", "played"))),
        ("counts_for_statistics", COUNTED),
        ("counts_for_people", ["human imported", "human played", "human recording"]),
        ("counts_for_versions", COUNTED),
        ("counts_for_promotion", COUNTED),
        ("counts_for_ab_split", ["human played", "scripted played"]),
        ("played_by_script", ["scripted imported", "scripted played", "scripted recording"]),
    ],
)
def test_each_rule_accepts_its_games(every_kind: Engine, rule: str, expected: list[str]) -> None:
    assert counted(every_kind, getattr(counting, rule)()) == expected


def test_training_accepts_recent_games_and_recordings_of_any_age_on_request(every_kind: Engine) -> None:
    later = START + timedelta(days=1)
    recordings = ["human recording", "scripted recording"]
    assert counted(every_kind, counts_for_training(START, include_recordings=False)) == COUNTED
    assert counted(every_kind, counts_for_training(START, include_recordings=True)) == sorted(COUNTED + recordings)
    assert counted(every_kind, counts_for_training(later, include_recordings=False)) == []
    assert counted(every_kind, counts_for_training(later, include_recordings=True)) == recordings


def test_only_finished_games_count_for_promotion(every_kind: Engine) -> None:
    with every_kind.begin() as connection:
        connection.execute(games.update().values(finished_ts=None))
    assert counted(every_kind, counting.counts_for_promotion()) == []


def test_a_scripted_player_is_found_by_name_in_any_case(every_kind: Engine) -> None:
    assert len(counted(every_kind, played_by_script("aCE"))) == 3
    assert counted(every_kind, played_by_script("Bob")) == []


@pytest.mark.parametrize("name", ["Bob", "cal ", "HAL"])
def test_a_scripted_name_is_excluded(name: str) -> None:
    assert exclusion_reason(name) == "legacy"


@pytest.mark.parametrize(
    "name",
    ["sim1", "sim[42]", "sim(003)", "SIM-9", "sim_a1", "Simone2", "Simba2024", "simp one 2", "sim[x]"],
)
def test_a_simulated_name_is_excluded(name: str) -> None:
    assert exclusion_reason(name) == "simulated"


@pytest.mark.parametrize("name", ["bobby", "simone", "sim 9", "sim.1", "player-sim1", "Sim(1)x", "Mira"])
def test_a_name_of_a_person_is_kept(name: str) -> None:
    assert exclusion_reason(name) is None
