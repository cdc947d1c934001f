"""Games and rounds in the store, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from rps_core.errors import GameFinished, GameNotFound, RoundConflict, StoreError
from rps_core.game.families import ModelIdentity
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.schema import games, predictions
from tests.builders.games import START, new_game, play_next, play_to_the_end


@pytest.fixture
def store(engine: Engine) -> GameStore:
    return GameStore(engine)


def test_a_new_game_is_read_back_as_stored(store: GameStore) -> None:
    store.write([new_game()])
    game = store.load_game("game-1")
    assert (game.policy, game.family, game.alias) == ("forrest", "xgboost", "Production")
    assert game.model == ModelIdentity("7", "a" * 32)
    assert game.opening == ("rock", "paper", "scissors")
    assert game.created_at == START
    assert (game.rounds, game.next_round_no, game.finished_at) == ((), 1, None)


def test_a_game_without_a_model_has_the_version_unknown(store: GameStore) -> None:
    store.write([new_game(model=None)])
    assert store.load_game("game-1").model is None
    with store.engine.connect() as connection:
        assert connection.scalar(select(games.c.bot_model_version)) == "unknown"


def test_rounds_are_read_back_in_order_with_exact_scores(store: GameStore) -> None:
    game = play_to_the_end(store, new_game())
    assert [played.round_no for played in game.rounds] == list(range(1, len(game.rounds) + 1))
    assert (game.rounds[-1].user_score, game.rounds[-1].bot_score) == (game.user_score, game.bot_score)
    assert game.winner in {"user", "bot", "tie"}
    assert game.finished_at is not None


def test_each_round_from_the_fourth_on_has_four_predictions_with_their_model(store: GameStore) -> None:
    game = play_to_the_end(store, new_game())
    with store.engine.connect() as connection:
        rows = connection.execute(select(predictions).order_by(predictions.c.step_no)).all()
    assert len(rows) == 4 * (len(game.rounds) - 3)
    assert {row.step_no for row in rows} == set(range(4, len(game.rounds) + 1))
    assert {(row.model_version, row.run_id, row.model_type) for row in rows} == {("7", "a" * 32, "xgboost")}


def test_a_finished_game_refuses_another_round_and_keeps_its_score(store: GameStore) -> None:
    game = play_to_the_end(store, new_game())
    with pytest.raises(GameFinished, match="start a new game"):
        play_next(store, game, "rock", "paper")
    assert store.load_game("game-1") == game


def test_an_unknown_game_is_not_found(store: GameStore) -> None:
    with pytest.raises(GameNotFound):
        store.load_game("nobody")
    store.write([new_game()])
    ghost = store.load_game("game-1")._replace(id="nobody")
    with pytest.raises(GameNotFound):
        play_next(store, ghost, "rock", "paper")


def test_a_round_cannot_be_stored_twice_and_the_second_attempt_changes_nothing(store: GameStore) -> None:
    store.write([new_game()])
    game = store.load_game("game-1")
    play_next(store, game, "rock", "scissors")
    after_first = store.load_game("game-1")
    with pytest.raises(RoundConflict, match="round 1 of game game-1"):
        play_next(store, game, "paper", "rock")
    assert store.load_game("game-1") == after_first


def test_only_one_of_twenty_simultaneous_plays_is_stored(store: GameStore) -> None:
    store.write([new_game()])
    game = store.load_game("game-1")

    def play(_: int) -> bool:
        try:
            play_next(store, game, "rock", "scissors")
        except RoundConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(play, range(20))) == 1
    stored = store.load_game("game-1")
    assert len(stored.rounds) == 1
    assert stored.user_score == stored.rounds[0].user_score


def test_a_prediction_needs_its_game(engine: Engine) -> None:
    orphan = insert(predictions).values(
        game_id="nobody",
        step_no=4,
        alias="B",
        model_type="xgboost",
        model_version="1",
        run_id="r",
        p_rock=0.3,
        p_paper=0.3,
        p_scissors=0.4,
        correct=0,
    )
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(orphan)


def test_a_switched_model_is_stored_and_marked(store: GameStore) -> None:
    store.write([new_game()])
    game = store.load_game("game-1")
    other = ModelIdentity("8", "b" * 32)
    play_next(store, game, "rock", "rock", model=other, model_switched=True)
    game = store.load_game("game-1")
    assert (game.model, game.model_switched) == (other, True)


def test_times_are_stored_as_text_that_sorts_by_time(store: GameStore) -> None:
    store.write([new_game()])
    with store.engine.connect() as connection:
        assert connection.scalar(text("SELECT created_ts_utc FROM games")) == "2026-11-01T12:00:00.000000+00:00"


def test_a_moment_without_a_time_zone_is_refused(store: GameStore) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        store.write([new_game(created_at=datetime(2026, 11, 1))])  # noqa: DTZ001 - the error under test


def test_upgrading_twice_changes_nothing(store: GameStore) -> None:
    play_to_the_end(store, new_game())
    upgrade_store(store.engine)
    with store.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(games)) == 1


def test_the_migrations_produce_the_schema_of_the_code(engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from rps_core.store.schema import metadata

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_file_that_is_not_a_database_is_named_with_advice(tmp_path: Path) -> None:
    (tmp_path / "rps.db").write_text("this is a letter, not a database\n" * 50)
    with pytest.raises(StoreError, match="move it away"):
        upgrade_store(open_engine(f"sqlite:///{tmp_path}/rps.db"))
    assert (tmp_path / "rps.db").read_text().startswith("this is a letter")


@pytest.mark.parametrize("url", ["sqlite:///{}/rps.db", "postgresql+psycopg://nobody:x@127.0.0.1:1/nowhere"])
def test_a_write_that_reaches_no_database_fails_like_any_other_statement(tmp_path: Path, url: str) -> None:
    (tmp_path / "rps.db").write_text("this is a letter, not a database\n" * 50)
    engine = open_engine(url.format(tmp_path))
    with pytest.raises(DBAPIError):
        GameStore(engine).write([new_game()])
    engine.dispose()


def test_a_url_of_an_unknown_database_is_refused() -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        open_engine("cobol://nowhere")


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/rps.db")
    upgrade_store(engine)
    with engine.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    with pytest.raises(StoreError, match="newer version"):
        upgrade_store(engine)
