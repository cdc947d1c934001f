"""Results of versions are the same from settled totals as from a count of everything."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from random import Random
from time import monotonic, sleep
from typing import Any

import alembic.command
import alembic.config
import pytest
from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, inspect, select, update

import rps_core.store.tallies as module
from rps_core.game.families import ALIASES, FAMILIES, ModelIdentity
from rps_core.game.moves import MOVES
from rps_core.promotion.records import VersionPerformance
from rps_core.store import GameStore, upgrade_store
from rps_core.store.analytics.monitoring import RunPredictions, predictions_by_run
from rps_core.store.analytics.versions import version_performance
from rps_core.store.engine import MIGRATIONS, writing
from rps_core.store.games import StoredGame
from rps_core.store.schema import events, games, predictions, settled_totals
from rps_core.store.settled_totals import SettledTotals, settled_versions
from rps_core.store.tallies import Tallies
from rps_core.store.totals import NOTHING, decode_totals, encode_totals
from tests.builders.games import START, new_game, play_next, predicted
from tests.builders.previous_release import PreviousRelease, random_round

SINCE = START - timedelta(days=1)
Count = Callable[[], Tallies]


@pytest.fixture
def store(engine: Engine) -> GameStore:
    return GameStore(engine)


@pytest.fixture
def count(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Count]:
    """Start a process that counts the store, settles at once and saves all settled totals."""
    monkeypatch.setattr(module, "SAVE_AFTER_ROUNDS", 1)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)
    with ExitStack() as stack:

        def start() -> Tallies:
            tallies = Tallies(
                engine,
                since=SINCE,
                clock=lambda: START + timedelta(hours=1),
                max_age_seconds=0.0,
                settle_after=timedelta(0),
            )
            stack.callback(tallies.close)
            tallies.start()
            tallies.read(wait_seconds=30)
            return tallies

        yield start


def play_some(store: GameStore, random: Random, name: str) -> None:
    """Play a random game of any player, perhaps not to its end; its model may change or be missing."""
    family, version = random.choice(FAMILIES), random.choice("12")
    model = random.choice([ModelIdentity(version, version * 32)] * 5 + [None])
    game = new_game(
        name,
        family=family,
        alias=random.choice(("Production", "B")),
        model=model,
        player_kind=random.choice(("human", "scripted", "test")),
        created_at=START - timedelta(days=random.choice((0, 5))),
    )
    store.write([game])
    play_on(store, random, game, rounds=random.choice((2, 5, 40)))


def play_on(store: GameStore, random: Random, game: StoredGame, rounds: int) -> None:
    for _ in range(rounds):
        stored = store.load_game(game.id)
        if stored.finished_at is not None:
            return
        changes: dict[str, Any] = {}
        if random.random() < 0.02:
            changes = {"model": ModelIdentity("3", "3" * 32), "model_switched": stored.next_round_no > 4}
        play_next(
            store, stored, random.choice(MOVES), random.choice(MOVES), predictions=guesses(random, stored), **changes
        )


def guesses(random: Random, game: StoredGame) -> list[Any]:
    if game.next_round_no < 4:
        return []
    versions = {alias: random.choice("1234") for alias in ALIASES}
    return [
        predicted(alias, game.family, correct=random.random() < 0.4, model=ModelIdentity(version, version * 32))
        for alias, version in versions.items()
        if random.random() < 0.9
    ]


def counted_row_by_row(connection: Connection) -> list[VersionPerformance]:
    """The expected results, counted row by row without totals."""
    kinds = {row.id: row for row in connection.execute(select(games))}
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for game in kinds.values():
        counts_for_version = game.winner is not None and not game.model_switched and game.bot_model_run_id is not None
        if counts_for_version and game.player_kind != "test" and game.origin != "recording":
            key = (game.model_type, game.bot_model_version, game.player_kind)
            counts.setdefault(key, Counter()).update(
                ["games", {"bot": "wins", "user": "losses"}.get(game.winner, "ties")]
            )
    for row in connection.execute(select(predictions)):
        game = kinds[row.game_id]
        if game.player_kind != "test" and game.origin != "recording":
            found = counts.setdefault((row.model_type, row.model_version, game.player_kind), Counter())
            found.update(["predictions"] + ["correct"] * row.correct)
    fields = VersionPerformance._fields[3:]
    return [
        VersionPerformance(*key, *(found[name] for name in fields))  # type: ignore[arg-type]
        for key, found in sorted(counts.items())
    ]


def checked_performance(engine: Engine) -> list[VersionPerformance]:
    """The results that the product returns, after a check that they are the expected ones."""
    with engine.connect() as connection:
        answer = version_performance(connection)
        assert answer == counted_row_by_row(connection)
    return answer


def settled_until(engine: Engine) -> int:
    with engine.connect() as connection:
        return settled_versions(connection)[0]


def wait_for(condition: Callable[[], bool]) -> None:
    until = monotonic() + 20
    while not condition():
        assert monotonic() < until, "the condition did not become true in time"
        sleep(0.02)


@pytest.mark.parametrize("seed", [1, 2])
def test_results_stay_right_while_games_are_played_and_settled(
    store: GameStore, engine: Engine, count: Count, seed: int
) -> None:
    random, answers = Random(seed), [checked_performance(engine)]
    for number in range(4):
        play_some(store, random, f"before-{number}")
    answers.append(checked_performance(engine))
    assert settled_until(engine) == 0
    tallies = count()
    for number in range(8):
        play_some(store, random, f"game-{number}")
        answers.append(checked_performance(engine))
        tallies.read()
    wait_for(lambda: settled_until(engine) == tallies.watermark > 0)
    play_some(store, random, "last")
    answers.append(checked_performance(engine))
    predicted_in_all = [sum(row.predictions for row in answer) for answer in answers]
    assert predicted_in_all == sorted(predicted_in_all)
    assert {row.player_kind for row in answers[-1]} == {"human", "scripted"}


def test_a_game_that_continues_after_its_rounds_were_settled_is_counted_at_its_end(
    store: GameStore, engine: Engine, count: Count
) -> None:
    game, random = new_game("long", model=ModelIdentity("1", "1" * 32)), Random(5)
    store.write([game])
    play_on(store, random, game, rounds=5)
    tallies = count()
    wait_for(lambda: settled_until(engine) == tallies.watermark > 0)
    assert sum(row.games for row in checked_performance(engine)) == 0
    play_on(store, random, game, rounds=40)
    assert sum(row.games for row in checked_performance(engine)) == 1


def test_settled_predictions_of_each_run_equal_the_stored_ones(store: GameStore, engine: Engine, count: Count) -> None:
    random = Random(3)
    for number in range(4):
        play_some(store, random, f"game-{number}")
    with engine.connect() as connection:
        before: list[RunPredictions] = predictions_by_run(connection)
    tallies = count()
    wait_for(lambda: settled_until(engine) == tallies.watermark > 0)
    with engine.connect() as connection:
        assert predictions_by_run(connection) == before


def test_a_process_continues_where_another_one_stopped(
    store: GameStore, engine: Engine, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(4)
    for number in range(3):
        play_some(store, random, f"game-{number}")
    first = count()
    wait_for(lambda: settled_until(engine) == first.watermark > 0)
    first.close()
    counted_ranges: list[tuple[int, int]] = []
    counting = Tallies._count
    monkeypatch.setattr(
        Tallies,
        "_count",
        lambda self, c, after, until: counted_ranges.append((after, until)) or counting(self, c, after, until),
    )
    second = count()
    assert second.read() == first.read()
    assert min(after for after, _ in counted_ranges) == first.watermark


def of_game(table: Table) -> ColumnElement[bool]:
    return (table.c.id if table is games else table.c.game_id) == "game-1"


@pytest.mark.parametrize(
    "repairs",
    [
        [delete(events).where(of_game(events))],
        [delete(games).where(of_game(games))],
        [update(games).where(of_game(games)).values(player_kind="test", is_test=1)],
        [update(games).where(of_game(games)).values(origin="recording")],
    ],
)
def test_manual_repairs_invalidate_the_settled_totals_also_in_a_running_process(
    store: GameStore, engine: Engine, count: Count, repairs: list[Any]
) -> None:
    for number in range(3):
        store.write([new_game(f"game-{number}")])
        play_on(store, Random(number), new_game(f"game-{number}"), rounds=40)
    tallies = count()
    before = tallies.read()
    wait_for(lambda: settled_until(engine) == tallies.watermark > 0)
    with writing(engine).begin() as connection:
        for repair in repairs:
            connection.execute(repair)
    checked_performance(engine)

    def restarted() -> bool:
        return tallies.read(wait_seconds=20).games.total() == before.games.total() - 1

    wait_for(restarted)
    checked_performance(engine)
    assert tallies.read(wait_seconds=20) == count().read()


def test_play_does_not_invalidate_the_settled_totals(store: GameStore, engine: Engine, count: Count) -> None:
    count()
    started = SettledTotals(engine, SINCE).counting()
    play_some(store, Random(1), "game-1")
    assert started is not None
    assert SettledTotals(engine, SINCE).counting() == started


def test_a_process_that_counted_less_does_not_overwrite_the_totals(engine: Engine) -> None:
    kept = SettledTotals(engine, SINCE)
    started = kept.load()
    kept.save(started._replace(watermark=7))
    kept.save(started._replace(watermark=5))
    kept.save(started._replace(counting="another", watermark=9))
    assert kept.load() == (started.counting, 7, NOTHING)


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"versions": [["xgboost"]]}', '{"rounds": [[1]]}'])
def test_totals_that_cannot_be_read_are_counted_again(
    store: GameStore, engine: Engine, count: Count, payload: str
) -> None:
    play_some(store, Random(1), "game-1")
    SettledTotals(engine, SINCE).load()
    with writing(engine).begin() as connection:
        connection.execute(update(settled_totals).values(watermark=3, payload_json=payload))
    checked_performance(engine)
    assert decode_totals(encode_totals(count().read())) == count().read()
    checked_performance(engine)


def migrated_to(engine: Engine, revision: str) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        if revision == "0001":
            alembic.command.downgrade(config, revision)
        else:
            alembic.command.upgrade(config, revision)


def test_results_of_the_first_schema_count_after_an_upgrade(engine: Engine, count: Count) -> None:
    migrated_to(engine, "0001")
    assert "settled_totals" not in inspect(engine).get_table_names()
    random, old = Random(8), PreviousRelease(engine)
    for number in range(5):
        game = new_game(f"game-{number}", player_kind=random.choice(("human", "scripted", "test")))
        old.start(game)
        while game.finished_at is None:
            new = random_round(game, random)
            old.play(game, new)
            game = game.after(new)
    upgrade_store(engine)
    before = checked_performance(engine)
    assert sum(row.games for row in before) > 0
    assert sum(row.predictions for row in before) > 0
    tallies = count()
    wait_for(lambda: settled_until(engine) == tallies.watermark > 0)
    assert checked_performance(engine) == before
    assert "ix_games_version" in {index["name"] for index in inspect(engine).get_indexes("games")}
