"""The amount of play: counted once, then advanced by what is new, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, event, func, select, text, update

from rps_core.store import GameStore
from rps_core.store.play_counts import gameplay_counts, store_state
from rps_core.store.schema import events, settled_totals
from tests.builders.games import START, new_game, play_to_the_end

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def state_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return store_state(connection)


def test_counts_advanced_in_steps_equal_a_count_from_zero(engine: Engine) -> None:
    store, now = GameStore(engine), NOW
    for number, kind in enumerate(("human", "scripted", "test", "human")):
        play_to_the_end(store, new_game(f"game-{number}", player_kind=kind), seed=number)
        # Sometimes sooner than the rounds settle, sometimes later.
        now += timedelta(seconds=40)
        advanced = gameplay_counts(engine, now)
    later = gameplay_counts(engine, now + timedelta(hours=1))
    with engine.begin() as connection:
        connection.execute(delete(settled_totals))
    assert advanced == later == gameplay_counts(engine, now)
    assert (later.games, later.finished_games, later.human_games, later.test_games) == (3, 3, 2, 1)
    assert later.last_round_id == state_of(engine).partition(":")[2] or later.last_round_id > 0


def test_settled_rounds_are_not_read_again(engine: Engine) -> None:
    store = GameStore(engine)
    play_to_the_end(store, new_game("old"))
    for minute in range(4):
        counts = gameplay_counts(engine, NOW + timedelta(minutes=2 * minute))
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(str(args[2])))
    assert gameplay_counts(engine, NOW + timedelta(hours=1)) == counts
    # A join reads rounds; without new rounds there is nothing to join.
    assert not [text for text in statements if "JOIN" in text or text.startswith(("UPDATE", "INSERT"))]
    play_to_the_end(store, new_game("new", created_at=START + timedelta(hours=1)), seed=2)
    assert gameplay_counts(engine, NOW + timedelta(hours=1)).games == 2


def test_deleted_rounds_are_no_longer_counted(engine: Engine) -> None:
    store = GameStore(engine)
    for number in range(2):
        play_to_the_end(store, new_game(f"game-{number}"), seed=number)
    gameplay_counts(engine, NOW)
    before = state_of(engine)
    with engine.begin() as connection:
        connection.execute(delete(events).where(events.c.game_id == "game-0"))
        left = len(connection.execute(select(events.c.id)).all())
    found = gameplay_counts(engine, NOW)
    assert (found.games, found.rounds) == (1, left)
    assert state_of(engine) != before


def test_numbers_of_rounds_have_64_bits(engine: Engine) -> None:
    far = 2**31 + 5
    play_to_the_end(GameStore(engine), new_game("first"))
    with engine.begin() as connection:
        connection.execute(update(events).where(events.c.step_no == 1).values(id=far))
        row = {"name": "far", "counting": "any", "watermark": far, "payload_json": "{}"}
        connection.execute(settled_totals.insert(), row)
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT setval(pg_get_serial_sequence('events', 'id'), :far)"), {"far": far})
    play_to_the_end(GameStore(engine), new_game("later"), seed=2)
    with engine.connect() as connection:
        assert connection.scalar(select(settled_totals.c.watermark).where(settled_totals.c.name == "far")) == far
        assert connection.scalar(select(func.max(events.c.id))) > far + 3
