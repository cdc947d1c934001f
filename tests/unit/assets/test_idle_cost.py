"""The sensors' questions to the store cost the same in a small store and in a large one.

SQLite counts the instructions of its virtual machine; that is the work, whatever the machine does at the same time.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from benchmarks.synthetic_store import build_store
from rps_assets.automation.example_counts import ExampleCounts, count_examples
from rps_assets.automation.history import Trained
from rps_assets.datasets.selection import ALL_EXAMPLES, kept_games, plan_training_games, read_games
from rps_assets.promotion.due import FamilyDecision, family_decisions
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.rules import PromotionRules
from rps_core.settings import load_settings
from rps_core.store import PromotionLedger, open_engine
from rps_core.store.play_counts import gameplay_counts
from rps_core.store.schema import promotion_events

NOW = datetime(2026, 11, 28, tzinfo=UTC)
TRAINING = load_settings(max_usable_rows=300).training
STEPS_A_CALL = 50


def trained_at(moment: datetime) -> dict[str, Trained]:
    return {family: Trained(NOW, moment) for family in FAMILIES}


def steps_of(engine: Engine, work: Callable[..., object], *arguments: object) -> int:
    """Return the number of instructions that all connections of an engine execute."""
    count = 0

    def add() -> int:
        nonlocal count
        count += STEPS_A_CALL
        return 0

    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.set_progress_handler(add, STEPS_A_CALL)

    # Connections that are already open are not watched.
    engine.dispose()
    event.listen(engine, "connect", watch)
    work(*arguments)
    event.remove(engine, "connect", watch)
    engine.dispose()
    return count


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Engine]:
    folder = tmp_path_factory.mktemp("stores")
    return [
        open_engine(build_store(folder / f"{games}.db", games, now=NOW, with_predictions=False))
        # A selection of people's games fetches 200 rows at a time: the small store has more of them than that.
        for games in (400, 1600)
    ]


def test_a_tick_with_nothing_new_costs_little_in_any_store(stores: list[Engine]) -> None:
    for engine in stores:
        trained = trained_at(NOW)
        for minute in range(3):
            gameplay_counts(engine, NOW + timedelta(minutes=2 * minute))
        known = count_examples(engine, TRAINING, trained, ExampleCounts())
        assert count_examples(engine, TRAINING, trained, known) is known
        assert steps_of(engine, gameplay_counts, engine, NOW + timedelta(hours=1)) <= 500
        assert steps_of(engine, count_examples, engine, TRAINING, trained, known) <= 500


@pytest.mark.parametrize("trained", [None, trained_at(NOW - timedelta(days=365))], ids=["first", "again"])
def test_a_selection_costs_the_same_however_many_games_do_not_fit(stores: list[Engine], trained: Any) -> None:
    small, large = (steps_of(engine, count_examples, engine, TRAINING, trained, ExampleCounts()) for engine in stores)
    assert 5_000 < large <= 1.5 * small


def test_finished_games_are_counted_up_to_a_limit(stores: list[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rps_assets.promotion.due.GAMES_COUNTED", 50)
    found = [family_decisions(engine, PromotionRules(), NOW)["xgboost"] for engine in stores]
    assert found == [FamilyDecision(None, 50)] * 2


def test_after_a_decision_only_games_that_finished_since_are_read(stores: list[Engine]) -> None:
    found = []
    for engine in stores:
        for family in FAMILIES:
            PromotionLedger(engine).append(
                LedgerEntry(model_type=family, decision="retain_production", created_at=NOW, source="test")
            )
        found.append(family_decisions(engine, PromotionRules(), NOW)["xgboost"])
    small, large = (steps_of(engine, family_decisions, engine, PromotionRules(), NOW) for engine in stores)
    for engine in stores:
        with engine.begin() as connection:
            connection.execute(promotion_events.delete())
    assert found == [FamilyDecision(NOW, 0)] * 2
    assert large <= 1.1 * small <= 5_000


@pytest.mark.parametrize(("stride", "most"), [(1, 300), (5, 300), (5, 3_000), (40, 8_560), (3, ALL_EXAMPLES)])
def test_a_selection_that_stops_keeps_the_same_games_as_one_of_all_games(
    stores: list[Engine], stride: int, most: int
) -> None:
    since = NOW - timedelta(days=300)
    with stores[1].connect() as connection:
        every = plan_training_games(read_games(connection, since), since, stride, most)
        read = read_games(connection, since, stride=stride, max_examples=most)
    stopped = plan_training_games(read, since, stride, most)
    assert kept_games(stopped).equals(kept_games(every))
    assert most == ALL_EXAMPLES or len(stopped) < len(every)


@pytest.mark.parametrize("most", [300, 3_000, 9_000, 40_000])
def test_new_examples_equal_those_of_a_whole_selection(stores: list[Engine], most: int) -> None:
    training = load_settings(max_usable_rows=most).training
    moment = NOW - timedelta(days=30)
    with stores[1].connect() as connection:
        since, stride = training.training_data_since, training.training_scripted_game_stride
        kept = kept_games(plan_training_games(read_games(connection, since), since, stride, most))
    expected = int(kept.filter(kept["created_at"] > moment)["examples"].sum())
    counts = count_examples(stores[1], training, trained_at(moment), ExampleCounts())
    assert set(counts.new_examples.values()) == {expected}
