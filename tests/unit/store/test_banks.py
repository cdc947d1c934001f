"""Stakes are taken and returned in the transactions of play, exactly once, with any number of writers."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select

from rps_core.errors import GameFinished
from rps_core.game.rules import FIRST_STAKE
from rps_core.game.scoring import RoundOutcome
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.games import GameRound, NewRound, StoredGame
from rps_core.store.schema import bank_loans, banks, games
from tests.builders.games import START, new_game, next_round

LAST = RoundOutcome(0.0, 1.5, 0.0, 10.0, finished=True, winner="bot")


def banked(game_id: str, minutes: float = 0) -> StoredGame:
    return new_game(game_id, choice_rule="banked", opening=(), created_at=START + timedelta(minutes=minutes))


def last_round(game: StoredGame, left: float | None) -> NewRound:
    return next_round(game, "rock", "paper", outcome=LAST, mixture=(0.2, 0.6, 0.2), budget=left, returned=left)


def budget(engine: Engine) -> float:
    with engine.connect() as connection:
        return float(connection.execute(select(banks.c.budget)).scalar_one())


def test_a_game_takes_the_whole_bank_and_returns_what_is_left_once(engine: Engine) -> None:
    store = GameStore(engine)
    store.write([banked("a"), banked("b")])
    first, second = store.load_game("a"), store.load_game("b")
    assert (first.stake, first.budget, second.stake, budget(engine)) == (FIRST_STAKE, FIRST_STAKE, 0.0, 0.0)
    store.write([GameRound(first, last_round(first, 0.25))])
    with pytest.raises(GameFinished):
        store.write([GameRound(first, last_round(first, 0.25)._replace(round_no=2))])
    store.write([GameRound(second, last_round(second, 0.0))])
    assert budget(engine) == 0.25
    store.write([banked("c")])
    read = store.load_game("c")
    assert (read.stake, read.budget, budget(engine)) == (0.25, 0.25, 0.0)


def test_a_game_by_another_rule_has_no_stake(engine: Engine) -> None:
    store = GameStore(engine)
    store.write([new_game("a", choice_rule="win_probability")])
    assert (store.load_game("a").stake, store.load_game("a").budget) == (None, None)


def test_a_game_that_was_deleted_keeps_its_loan_from_nobody(engine: Engine) -> None:
    store = GameStore(engine)
    store.write([banked("a")])
    with engine.begin() as connection:
        connection.execute(delete(games))
        assert connection.execute(select(bank_loans)).all() == []


def test_replicas_that_start_and_finish_games_of_one_session_share_one_stake(engine: Engine) -> None:
    """The engines are those of two processes; each of their threads plays games of one round."""
    other = open_engine(engine.url)
    stores = [GameStore(engine), GameStore(other)]

    def play(player: int) -> float:
        store, most = stores[player % 2], 0.0
        for number in range(5):
            store.write([banked(f"{player}-{number}")])
            game = store.load_game(f"{player}-{number}")
            most = max(most, game.stake or 0.0)
            store.write([GameRound(game, last_round(game, game.stake))])
        return most

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(play, range(8))) == FIRST_STAKE
    assert budget(engine) == pytest.approx(FIRST_STAKE)
    other.dispose()


def test_clocks_that_differ_by_minutes_take_nothing_from_a_game_that_goes_on(engine: Engine) -> None:
    store = GameStore(engine)
    store.write([banked("a"), banked("b", minutes=64)])
    assert store.load_game("b").stake == 0.0
    store.write([banked("c", minutes=66)])
    with engine.connect() as connection:
        assert connection.execute(select(bank_loans.c.game_id)).scalars().all() == ["c"]
    assert (store.load_game("c").stake, budget(engine)) == (FIRST_STAKE, 0.0)


PLAYS_UNTIL_KILLED = """
import sys
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.games import GameRound
from tests.unit.store.test_banks import banked, last_round
store, number = GameStore(open_engine(sys.argv[1])), 0
while True:
    number += 1
    store.write([banked(f"game-{number}")])
    game = store.load_game(f"game-{number}")
    if number == 3:
        print("playing", flush=True)
    store.write([GameRound(game, last_round(game, game.stake))])
"""


def test_a_killed_process_loses_no_stake_and_doubles_none(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/rps.db", sqlite_synchronous="NORMAL")
    upgrade_store(engine)
    command = [sys.executable, "-c", PLAYS_UNTIL_KILLED, str(engine.url)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as playing:
        assert playing.stdout is not None
        assert playing.stdout.readline() == "playing\n"
        playing.kill()
    with engine.connect() as connection:
        held = connection.execute(select(games.c.stake).join(bank_loans, bank_loans.c.game_id == games.c.id)).scalars()
        lent = sum(held)
    assert budget(engine) + lent == pytest.approx(FIRST_STAKE)
    engine.dispose()
