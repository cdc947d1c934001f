"""The promise of the bank: in all games of a player together, the bot gives away no more than its first stake."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from sqlalchemy import select

from benchmarks.arena import Arena, Seat, omniscient
from rps_api.inference.snapshot import Snapshot
from rps_core.features.contract import CONTRACT_V2
from rps_core.game.families import ModelIdentity, Slot
from rps_core.game.gambits import GAMBITS, Gambit, resolve_gambit
from rps_core.game.moves import Move, hunter
from rps_core.game.rules import FIRST_STAKE
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.schema import bank_loans, banks
from tests.builders.games import START


class Reader:
    """A model that expects every move to be repeated, and is sure of it."""

    family = "xgboost"
    contract = CONTRACT_V2
    identity = ModelIdentity("1", "a" * 32)

    def predict(self, features: Any) -> tuple[float, float, float]:
        one_hot = [float(value) for value in features[0][:3]]
        rock, paper, scissors = (0.05 + 0.85 * value for value in one_hot)
        return rock, paper, scissors


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GameStore]:
    engine = open_engine(f"sqlite:///{tmp_path}/rps.db", sqlite_synchronous="NORMAL")
    upgrade_store(engine)
    yield GameStore(engine)
    engine.dispose()


@pytest.fixture
def arena(store: GameStore) -> Arena:
    snapshot = Snapshot(slots={Slot("xgboost", "Production"): cast(Any, Reader())})
    return Arena(snapshot, "banked", Random(3), store=store, start=START)


def bank_of(store: GameStore, session: str = "s") -> float:
    with store.engine.connect() as connection:
        return float(connection.execute(select(banks.c.budget).where(banks.c.session_id == session)).scalar_one())


def open_loans(store: GameStore) -> int:
    with store.engine.connect() as connection:
        return len(connection.execute(select(bank_loans)).all())


def stubborn(seat: Seat) -> Move:
    """Repeat one move for ever, as the model expects."""
    return "rock"


def test_all_games_together_lose_no_more_than_the_first_stake_to_someone_who_knows_everything(
    arena: Arena, store: GameStore
) -> None:
    played = [arena.play_game("s", omniscient) for _ in range(8)]
    given_away = sum(0.5 - game.expected for game in played)
    assert given_away == pytest.approx(FIRST_STAKE - bank_of(store), abs=1e-9)
    assert 0.05 < given_away <= FIRST_STAKE
    assert (bank_of(store) >= 0, open_loans(store)) == (True, 0)


def test_a_sleeper_gets_back_no_more_than_it_has_lost_and_the_first_stake(arena: Arena, store: GameStore) -> None:
    asleep = [arena.play_game("s", stubborn) for _ in range(3)]
    won = sum(game.expected - 0.5 for game in asleep)
    assert won > 0.3
    assert bank_of(store) == pytest.approx(FIRST_STAKE + won, abs=1e-9)
    for _ in range(12):
        arena.play_game("s", omniscient)
    assert 0 <= bank_of(store) < 0.5 * won


def test_eight_games_of_a_session_side_by_side_share_one_stake(arena: Arena, store: GameStore) -> None:
    games = [arena.start("s") for _ in range(8)]
    assert [game.stake for game in games] == [FIRST_STAKE, *[0.0] * 7]
    given_away = 0.0
    while any(game.finished_at is None for game in games):
        for place, game in enumerate(games):
            if game.finished_at is None:
                games[place], gained = arena.play_round(game, omniscient)
                given_away -= gained
    assert given_away <= FIRST_STAKE
    assert given_away == pytest.approx(FIRST_STAKE - bank_of(store), abs=1e-9)


def test_another_session_and_another_opponent_have_their_own_bank(arena: Arena, store: GameStore) -> None:
    arena.play_game("s", omniscient)
    assert arena.start("other").stake == FIRST_STAKE
    other = Arena(Snapshot(), "banked", Random(4), policy="logan", store=store, start=START)
    assert other.start("s").stake == FIRST_STAKE


def test_an_abandoned_game_returns_its_budget_after_an_hour_and_the_bot_goes_on_betting(
    arena: Arena, store: GameStore
) -> None:
    game = arena.start("s")
    arena.now += timedelta(minutes=59)
    assert (game.returned_by(arena.now), arena.start("s").stake) == (None, 0)
    arena.now += timedelta(minutes=10)
    assert game.returned_by(arena.now) == FIRST_STAKE
    assert arena.play_game("s", stubborn).stake == FIRST_STAKE
    assert bank_of(store) > FIRST_STAKE


def test_a_player_who_knows_everything_and_leaves_games_is_given_no_more(arena: Arena, store: GameStore) -> None:
    """A game that is left counts as the win probability at which it stopped."""
    given_away = 0.0
    for _ in range(6):
        game = arena.start("s")
        assert game.stake == pytest.approx(FIRST_STAKE - given_away)
        for _ in range(5):
            game, gained = arena.play_round(game, omniscient)
            given_away -= gained
        arena.now += timedelta(minutes=66)
    assert 0.01 < given_away < FIRST_STAKE
    assert arena.start("s").stake == pytest.approx(FIRST_STAKE - given_away, abs=1e-9)


def test_a_game_that_goes_on_after_an_hour_plays_without_its_budget(arena: Arena, store: GameStore) -> None:
    game = arena.start("s")
    for _ in range(5):
        game, _gained = arena.play_round(game, stubborn)
    arena.now += timedelta(hours=2)
    owed = game.returned_by(arena.now)
    while game.finished_at is None:
        game, gained = arena.play_round(game, stubborn)
        assert (gained, game.budget) == (pytest.approx(0, abs=1e-12), None)
    assert bank_of(store) == pytest.approx(owed)
    assert open_loans(store) == 0


def test_a_finished_game_gives_its_drawn_opening_the_name_that_fits(arena: Arena) -> None:
    names = set()
    for _ in range(6):
        game = arena.play_game(
            "s", lambda seat: hunter(seat.game.rounds[-1].user_move) if seat.game.rounds else "rock"
        ).game
        assert game.opening == tuple(played.bot_move for played in game.rounds[:3])
        names.add(game.opening_name)
        if game.opening_name is not None:
            assert resolve_gambit(game.key, gambit_named(game.opening_name)) == game.opening
    assert len(names) > 1


def gambit_named(name: str) -> Gambit:
    return next(gambit for gambit in GAMBITS if gambit.name == name)
