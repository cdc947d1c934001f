"""Running totals compared with the store, on SQLite and on PostgreSQL."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, select, text

import rps_core.store.tallies as module
from rps_core.errors import StoreError
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.schema import events, games
from rps_core.store.tallies import Tallies, TalliesNotReady
from rps_core.store.totals import NOTHING, Totals
from tests.builders.games import START, new_game, play_next, play_to_the_end

SINCE = START - timedelta(days=1)
AT_ONCE = timedelta(0)


@pytest.fixture
def store(engine: Engine) -> GameStore:
    return GameStore(engine)


@pytest.fixture
def tallies(engine: Engine) -> Iterator[Tallies]:
    tallies = Tallies(engine, since=SINCE, clock=lambda: START + timedelta(hours=1), max_age_seconds=0.0)
    yield tallies
    tallies.close()


def counted(engine: Engine, **options: object) -> Totals:
    """The totals that a new process counts."""
    fresh = Tallies(engine, since=SINCE, clock=lambda: START + timedelta(hours=1), **options)  # type: ignore[arg-type]
    fresh.start()
    try:
        return fresh.read(wait_seconds=30)
    finally:
        fresh.close()


def play_several(store: GameStore, first: int, last: int) -> None:
    for seed in range(first, last):
        policy, family = [("forrest", "xgboost"), ("logan", "multinomial_logistic")][seed % 2]
        game = new_game(f"game-{seed}", policy=policy, family=family, alias=["Production", "B"][seed % 3 % 2])
        play_to_the_end(store, game, seed=seed)


def test_an_empty_store_is_counted_at_once(tallies: Tallies) -> None:
    tallies.start()
    assert tallies.read(wait_seconds=30) == NOTHING


def test_totals_match_the_games(store: GameStore, engine: Engine) -> None:
    played = [play_to_the_end(store, new_game(f"game-{seed}"), seed=seed) for seed in range(4)]
    found = counted(engine)
    rounds = [played_round for game in played for played_round in game.rounds]
    by_result: Counter[str] = Counter()
    by_move: Counter[str] = Counter()
    for key, number in found.rounds.items():
        by_result[key.result] += number
        by_move[key.bot_move] += number
    assert by_result == Counter(played_round.result for played_round in rounds)
    assert by_move == Counter(played_round.bot_move for played_round in rounds)
    assert Counter({key.winner: number for key, number in found.games.items()}) == Counter(g.winner for g in played)
    assert found.started.total() == 4
    assert found.predictions.total() == sum(4 * (len(game.rounds) - 3) for game in played)
    right = sum(number for key, number in found.predictions.items() if key.correct)
    assert right == 4 * sum(played_round.user_move == "rock" for game in played for played_round in game.rounds[3:])


def test_a_running_process_and_a_fresh_one_agree_after_each_game(
    store: GameStore, engine: Engine, tallies: Tallies
) -> None:
    play_several(store, 0, 3)
    tallies.start()
    for seed in range(3, 8):
        play_several(store, seed, seed + 1)
        assert tallies.read(wait_seconds=30) == counted(engine)


def test_moving_the_watermark_does_not_change_totals(store: GameStore, engine: Engine) -> None:
    tallies = Tallies(engine, since=SINCE, clock=lambda: START, max_age_seconds=0.0, settle_after=AT_ONCE)
    tallies.start()
    marks, totals = [], []
    for seed in range(6):
        play_several(store, seed, seed + 1)
        totals.append(tallies.read(wait_seconds=30))
        marks.append(tallies.watermark)
        assert totals[-1] == tallies.read()
    tallies.close()
    assert marks == sorted(marks)
    assert marks[-1] > 0
    assert totals[-1].rounds == counted(engine).rounds


def test_new_rounds_are_not_settled_at_once(store: GameStore, tallies: Tallies, engine: Engine) -> None:
    tallies.start()
    tallies.read(wait_seconds=30)
    play_several(store, 0, 1)
    assert tallies.read().started.total() == 1
    assert tallies.watermark == 0


def test_the_size_of_portions_does_not_change_totals(
    store: GameStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_several(store, 0, 4)
    whole = counted(engine)
    monkeypatch.setattr(module, "ROUNDS_AT_A_TIME", 7)
    assert counted(engine) == whole


def test_counting_continues_after_a_stop(
    store: GameStore, engine: Engine, tallies: Tallies, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_several(store, 0, 4)
    monkeypatch.setattr(module, "ROUNDS_AT_A_TIME", 1)
    tallies.start()
    tallies.close()
    tallies.start()
    tallies.start()
    assert tallies.read(wait_seconds=30) == counted(engine)


def test_a_young_round_is_not_settled_at_the_start(store: GameStore, engine: Engine) -> None:
    play_several(store, 0, 2)
    tallies = Tallies(engine, since=SINCE, clock=lambda: START + timedelta(seconds=5))
    tallies.start()
    assert tallies.read(wait_seconds=30).started.total() == 2
    assert tallies.watermark == 0
    tallies.close()


def test_a_round_that_commits_after_one_with_a_higher_id_is_not_missed(store: GameStore, engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite assigns ids to one writer at a time")
    tallies = Tallies(engine, since=SINCE, clock=lambda: START, max_age_seconds=0.0)
    tallies.start()
    tallies.read(wait_seconds=30)
    for game_id in ("slow", "quick"):
        store.write([new_game(game_id)])
    quick = store.load_game("quick")
    with engine.connect() as slow:
        slow.execute(
            insert(events).values(
                game_id="slow", ts=START, created_ts_utc=START, user_move="rock", bot_move="rock", result="draw",
                user_delta=0.5, bot_delta=0.5, user_score=0.5, bot_score=0.5, step_no=1,
            )
        )  # fmt: skip
        play_next(store, quick, "rock", "paper")
        assert tallies.read().started.total() == 1
        slow.commit()
    assert tallies.read().started.total() == 2
    tallies.close()


@pytest.mark.parametrize("changes", [{"player_kind": "test"}, {"created_at": START - timedelta(days=2)}])
def test_games_that_do_not_count_are_missing_from_all_totals(
    store: GameStore, engine: Engine, changes: dict[str, object]
) -> None:
    play_to_the_end(store, new_game(**changes))
    assert counted(engine)._replace(versions=NOTHING.versions) == NOTHING


def test_recordings_are_missing_from_all_totals(store: GameStore, engine: Engine) -> None:
    play_to_the_end(store, new_game())
    with engine.begin() as connection:
        connection.execute(text("UPDATE games SET origin = 'recording'"))
    assert counted(engine) == NOTHING


def test_rounds_after_the_end_of_an_imported_game_do_not_finish_it_twice(store: GameStore, engine: Engine) -> None:
    game = play_to_the_end(store, new_game())
    with engine.begin() as connection:
        last = connection.execute(
            select(events).where(events.c.game_id == game.id).order_by(events.c.id.desc()).limit(1)
        ).one()
        again = dict(last._mapping) | {"step_no": last.step_no + 1}
        del again["id"]
        again |= {"user_delta": 0.0, "bot_delta": 0.5, "bot_score": last.bot_score + 0.5}
        connection.execute(insert(events).values(again))
    assert counted(engine).games.total() == 1


def test_recent_rounds_are_counted_by_minute(store: GameStore, engine: Engine) -> None:
    recent, old = START, START - timedelta(hours=20)
    now = play_to_the_end(store, new_game("now", created_at=recent))
    before = play_to_the_end(store, new_game("before", created_at=old))
    found = counted(engine)
    assert found.rounds_since(START) == len(now.rounds)
    assert found.rounds_since(old) == len(now.rounds) + len(before.rounds)
    assert found.rounds_since(START + timedelta(minutes=1)) == 0


def test_reading_before_the_store_is_counted_asks_to_try_again(engine: Engine) -> None:
    waiting = Tallies(engine, since=SINCE)
    with pytest.raises(TalliesNotReady, match="try again"):
        waiting.read()
    assert not waiting.ready


def test_answers_are_reused_until_they_are_too_old(store: GameStore, engine: Engine) -> None:
    tallies = Tallies(engine, since=SINCE, max_age_seconds=3600)
    tallies.start()
    before = tallies.read(wait_seconds=30)
    play_several(store, 0, 1)
    assert tallies.read() is before
    tallies.close()


def test_counting_survives_a_pool_without_a_free_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)
    url = f"sqlite:///{tmp_path}/busy.db"
    upgrade_store(open_engine(url))
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0)
    tallies = Tallies(engine, since=SINCE)
    with engine.connect():
        tallies.start()
        with pytest.raises(TalliesNotReady):
            tallies.read(wait_seconds=0.2)
    assert tallies.read(wait_seconds=30) == NOTHING
    tallies._answer = None
    with engine.connect(), pytest.raises(StoreError, match=r"totals cannot be read .*limit of size 1"):
        tallies.read()
    tallies.close()
    engine.dispose()


def test_counting_waits_for_a_store_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)
    engine = open_engine(f"sqlite:///{tmp_path}/late.db")
    tallies = Tallies(engine, since=datetime(2020, 1, 1, tzinfo=UTC))
    tallies.start()
    with pytest.raises(TalliesNotReady):
        tallies.read(wait_seconds=0.1)
    upgrade_store(engine)
    assert tallies.read(wait_seconds=30) == NOTHING
    with engine.begin() as connection:
        games.drop(connection)
        connection.execute(text("DROP TABLE events"))
    tallies._answer = None
    with pytest.raises(StoreError, match="totals cannot be read"):
        tallies.read()
    tallies.close()
