"""A round is one row, old replicas go on playing with the new tables, and both migrations keep every bit."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text

from rps_cli.operations.schema import migrate_to
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.analytics.monitoring import newest_predicted_games, predictions_by_run
from rps_core.store.games import GameRound, StoredGame
from rps_core.store.ids import new_id
from rps_core.store.prepared import PreparedWrite
from rps_core.store.schema import events, predictions
from tests.builders.games import new_game, next_round
from tests.builders.previous_release import PreviousRelease, random_round

BEFORE = "0003"
Content = dict[str, list[tuple[Any, ...]]]


def content_of(engine: Engine) -> Content:
    """Return what SQL users of the previous release read, apart from the ids of the rounds."""
    with engine.connect() as connection:
        rounds = text("SELECT game_id, step_no, user_move, bot_move, user_score, bot_score FROM events")
        return {
            "events": sorted(map(tuple, connection.execute(rounds))),
            "predictions": sorted(map(tuple, connection.execute(select(predictions)))),
        }


def play(store: GameStore | PreviousRelease, game: StoredGame, random: Random, rounds: int) -> StoredGame:
    """Play rounds, or until the game ends."""
    for _ in range(rounds):
        game = store.load_game(game.id) if isinstance(store, GameStore) else store.load(game)
        if game.finished_at is not None:
            break
        new = random_round(game, random)
        if isinstance(store, GameStore):
            store.write([GameRound(game, new)])
        else:
            store.play(game, new)
        game = game.after(new)
    return game


def test_a_round_is_one_insert_and_updates_its_game_only_where_something_changed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, sent, execute = GameStore(engine), list[str](), PreparedWrite.execute

    def recorded(self: PreparedWrite, cursor: Any, rows: Any) -> int:
        sent.extend([" ".join(self._sql.split()[:3])] * len(rows))
        return execute(self, cursor, rows)

    monkeypatch.setattr(PreparedWrite, "execute", recorded)
    store.write([new_game()])
    game = play(store, new_game(), Random(1), 5)
    new = random_round(game, Random(4))
    store.write([GameRound(game, new)])
    game = game.after(new)
    for delta, expected in ((0.0, ["INSERT INTO events"]), (1.0, ["INSERT INTO events", "UPDATE games SET"])):
        outcome = new.outcome._replace(user_delta=delta, bot_delta=0.0)
        following = new._replace(round_no=game.next_round_no, outcome=outcome)
        sent.clear()
        store.write([GameRound(game, following)])
        assert sent == expected
        game = game.after(following)


def test_a_round_changes_three_small_pages(tmp_path: Path) -> None:
    """Each page is a frame of the write-ahead log, and the disk gets whole pages."""
    engine = open_engine(f"sqlite:///{tmp_path}/rps.db")
    upgrade_store(engine)
    store, log, written = GameStore(engine), tmp_path / "rps.db-wal", list[int]()
    store.write([new_game()])
    game = store.load_game("game-1")
    for _ in range(6):
        before = log.stat().st_size
        new = next_round(game, "rock", "rock")
        store.write([GameRound(game, new)])
        game = game.after(new)
        written.append(log.stat().st_size - before)
    # Some rounds fill a page and begin the next one.
    assert sorted(written)[3] == 3 * (2_048 + 24)
    engine.dispose()


def test_predictions_are_read_back_to_the_last_bit_and_shown_as_rows(engine: Engine) -> None:
    store, random = GameStore(engine), Random(3)
    store.write([new_game()])
    made = {}
    for _ in range(12):
        game = store.load_game("game-1")
        if game.finished_at is not None:
            break
        new = random_round(game, random)
        # A slot that was empty.
        new = new._replace(predictions=new.predictions[1:] if new.round_no == 5 else new.predictions)
        store.write([GameRound(game, new)])
        made[new.round_no] = new.stored
    assert {played.round_no: played for played in GameStore(engine).load_rounds("game-1")} == made
    rows = PreviousRelease(engine).predictions("game-1")
    expected = sorted(
        ("game-1", no, p.alias, p.family, *p.model, *p.probabilities, int(p.correct))
        for no, played in made.items()
        for p in played.predictions
    )
    assert rows == expected
    with engine.connect() as connection:
        assert connection.execute(select(events.c.lag1_rock_pts).distinct()).scalars().all() == [None]
        assert sum(run.predictions for run in predictions_by_run(connection)) == len(rows)
        assert sum(run.correct for run in predictions_by_run(connection)) == sum(row[-1] for row in rows)
        assert newest_predicted_games(connection, 5) == ["game-1"]


@pytest.mark.parametrize("before", [BEFORE, "0004"])
def test_replicas_of_both_releases_play_the_same_games_during_and_after_the_migration(
    engine: Engine, before: str
) -> None:
    migrate_to(engine, before)
    old, random, stop = PreviousRelease(engine), Random(5), threading.Event()
    faults: list[BaseException] = []
    started = threading.Semaphore(0)

    def keep_playing(number: int) -> None:
        # A release with 0004 and without banks writes games of other rules as this release does.
        own, store = Random(number), old if before == BEFORE or number == 0 else GameStore(engine)
        try:
            for turn in range(10_000):
                game = new_game(f"during-{number}-{turn}", created_at=datetime(2026, 11, 2, tzinfo=UTC))
                old.start(game) if store is old else GameStore(engine).write([game])
                play(store, game, own, 40)
                started.release()
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - reported by the test
            faults.append(error)
            started.release()

    shared = new_game("shared")
    old.start(shared)
    play(old, shared, random, 5)
    threads = [threading.Thread(target=keep_playing, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            started.acquire()
        upgrade_store(engine)
        new = GameStore(engine)
        play(new, shared, random, 2)
        # The previous release keeps no time of the last round.
        assert old.load(shared)._replace(opening=()) == new.load_game("shared")._replace(opening=(), active_at=None)
        play(old, shared, random, 1)
        play(new, shared, random, 40)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    stored, rows = new.load_rounds("shared"), old.predictions("shared")
    assert [played.round_no for played in stored] == list(range(1, len(stored) + 1))
    assert [len(played.predictions) for played in stored[3:]] == [4] * (len(stored) - 3)
    assert len(rows) == 4 * (len(stored) - 3)
    assert old.load(shared).winner == new.load_game("shared").winner is not None


def test_both_migrations_keep_every_bit_and_the_way_back_fills_the_lagged_values(engine: Engine) -> None:
    migrate_to(engine, BEFORE)
    old, random = PreviousRelease(engine), Random(6)
    for number in range(3):
        old.start(new_game(f"old-{number}"))
        play(old, new_game(f"old-{number}"), random, 40 if number else 6)
    before = content_of(engine)
    upgrade_store(engine)
    assert content_of(engine) == before
    store = GameStore(engine)
    play(store, new_game("old-0"), random, 40)
    store.write([new_game("new")])
    game = play(store, new_game("new"), random, 40)
    after = content_of(engine)
    migrate_to(engine, BEFORE)
    assert content_of(engine) == after
    with engine.connect() as connection:
        lagged = connection.execute(
            text(
                "SELECT lag1_rock_pts, lag2_paper_pts, lag3_scissors_pts FROM events WHERE game_id = 'new' ORDER BY id"
            )
        ).all()
    points = [(1.0, 1.0, 1.0)] * 3 + [played.points for played in game.rounds]
    assert [tuple(row) for row in lagged] == [
        (points[no + 2][0], points[no + 1][1], points[no][2]) for no in range(len(game.rounds))
    ]
    old.start(new_game("again"))
    play(old, new_game("again"), random, 40)
    upgrade_store(engine)
    assert len(content_of(engine)["predictions"]) > len(after["predictions"])


def test_ids_grow_with_time_and_share_no_random_bits_within_a_millisecond() -> None:
    moment = datetime(2026, 11, 28, 19, 5, tzinfo=UTC)
    drawn = [UUID(new_id(moment)).int for _ in range(4_000)]
    assert len(set(drawn)) == len(drawn)
    changes = [sum((one ^ other) >> bit & 1 for one, other in pairwise(drawn)) for bit in range(128)]
    fresh = [bit for bit, changed in enumerate(changes) if changed]
    assert len(fresh) == 74
    assert all(1_700 < changes[bit] < 2_300 for bit in fresh)
    assert (len(new_id(moment)), UUID(new_id(moment)).version) == (36, 7)
    later = [new_id(moment + timedelta(milliseconds=step)) for step in range(50)]
    assert later == sorted(later)
