"""The collector on a real store: after a restart, in several workers, and without the store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from rps_api.metrics import GameplayCollector
from rps_api.metrics.series import GAMEPLAY_SERIES
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store import GameStore, PromotionLedger, open_engine
from rps_core.store.reports import DATA_DRIFT_REPORT, Reports
from rps_core.store.tallies import Tallies
from tests.builders.games import START, new_game, play_next, play_to_the_end

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
Scrape = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def tallies(engine: Engine) -> Iterator[Tallies]:
    tallies = Tallies(engine, since=SINCE, max_age_seconds=0.0)
    tallies.start()
    yield tallies
    tallies.close()


def scrape(collector: GameplayCollector) -> Scrape:
    registry = CollectorRegistry()
    registry.register(collector)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def collector_of(engine: Engine, tallies: Tallies, *, now: datetime = START) -> GameplayCollector:
    return GameplayCollector(engine, tallies, clock=lambda: now, max_age_seconds=0.0, wait_seconds=30)


def value(found: Scrape, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def entry(family: str, decision: str, minutes: int, **evidence: float | int | bool) -> LedgerEntry:
    at = START + timedelta(minutes=minutes)
    return LedgerEntry(model_type=family, decision=decision, created_at=at, **evidence)  # type: ignore[arg-type]


def test_counters_equal_the_store_and_survive_a_restart(engine: Engine, store: GameStore, tallies: Tallies) -> None:
    running = collector_of(engine, tallies)
    before = scrape(running)
    games = [play_to_the_end(store, new_game(f"game-{seed}"), seed=seed) for seed in range(5)]
    found = scrape(running)
    bot = {"policy": "forrest", "model_type": "xgboost", "difficulty": "standard"}
    assert value(found, "rps_games_total", **bot) == 5
    assert value(found, "rps_game_wins_total", **bot) == sum(game.winner == "bot" for game in games)
    rounds = [played for game in games for played in game.rounds]
    assert value(found, "rps_action_wins_total", **bot) == sum(played.result == "lose" for played in rounds)
    assert value(found, "rps_model_predictions_by_alias_total", model="xgboost", alias="shadow2") == sum(
        len(game.rounds) - 3 for game in games
    )
    assert set(before) <= set(found)
    assert all(number >= before[key] for key, number in found.items() if key in before)
    restarted = Tallies(engine, since=SINCE)
    restarted.start()
    assert scrape(collector_of(engine, restarted)) == found
    restarted.close()


def test_every_series_has_samples_on_an_empty_store(engine: Engine, tallies: Tallies) -> None:
    names = {name for name, _ in scrape(collector_of(engine, tallies))}
    # Without a report the drift is unknown; 0 would mean no drift. Without a decision no comparison was judged.
    unknown = ("rps_data_drift_", "rps_model_promotion_pairs", "rps_model_promotion_evidence")
    assert names == {one.sample_name for one in GAMEPLAY_SERIES if not one.sample_name.startswith(unknown)}


def test_drift_score_and_limit_come_from_the_newest_report(engine: Engine, tallies: Tallies) -> None:
    reports = Reports(engine)
    reports.write(DATA_DRIFT_REPORT, {"scores": {}}, SINCE)
    assert not [name for name, _ in scrape(collector_of(engine, tallies)) if name.startswith("rps_data_drift_")]
    scores = {"features": 0.31, "label": 0.02}
    # A report of an earlier release has no limits.
    for limits, expected in (({"limits": {"features": 0.4, "label": 0.3}}, (0.4, 0.3)), ({}, (0.25, 0.25))):
        reports.write(DATA_DRIFT_REPORT, {"scores": scores, **limits}, SINCE)
        found = scrape(collector_of(engine, tallies))
        assert [value(found, "rps_data_drift_score", scope=scope) for scope in scores] == [0.31, 0.02]
        assert tuple(value(found, "rps_data_drift_limit", scope=scope) for scope in scores) == expected


def test_promotion_gauges_are_read_from_the_ledger(engine: Engine, tallies: Tallies) -> None:
    ledger = PromotionLedger(engine)
    ledger.append(
        entry("xgboost", "retain_production", 1, z_statistic=1.2, p_value=0.115, promotion_cycles_since_swap=3)
    )
    ledger.append(entry("xgboost", "insufficient_data", 2, promotion_cycles_since_swap=4, reorder_applied=True))
    found = scrape(collector_of(engine, tallies))
    assert value(found, "rps_model_promotion_z_statistic", model="xgboost") == 1.2
    assert value(found, "rps_model_promotion_p_value", model="xgboost") == 0.115
    assert value(found, "rps_model_promotion_cycles_since_swap", model="xgboost") == 4
    assert value(found, "rps_model_promotion_events_total", model="xgboost", decision="retain_production") == 1
    assert value(found, "rps_model_promotion_decision_state", model="xgboost", decision="insufficient_data") == 1
    assert value(found, "rps_model_promotion_decision_state", model="xgboost", decision="retain_production") == 0
    assert value(found, "rps_model_alias_reorders_total", model="xgboost") == 1
    assert [value(found, "rps_model_promotion_p_value", model=family) for family in FAMILIES[1:]] == [1.0, 1.0]


def test_an_imported_older_entry_is_not_the_newest(engine: Engine, tallies: Tallies) -> None:
    ledger = PromotionLedger(engine)
    ledger.append(entry("xgboost", "swap_production_b", 9, z_statistic=2.0, p_value=0.02))
    ledger.append(entry("xgboost", "retain_production", 1, z_statistic=0.5, p_value=0.3))
    found = scrape(collector_of(engine, tallies))
    assert value(found, "rps_model_promotion_z_statistic", model="xgboost") == 2.0
    assert value(found, "rps_model_promotion_decision_state", model="xgboost", decision="swap_production_b") == 1


def test_games_with_recent_rounds_are_active(engine: Engine, store: GameStore, tallies: Tallies) -> None:
    store.write([new_game()])
    game = store.load_game("game-1")
    play_next(store, game, "rock", "rock")
    now = START + timedelta(minutes=5)
    assert value(scrape(collector_of(engine, tallies, now=now)), "rps_active_games") == 1
    later = START + timedelta(hours=2)
    assert value(scrape(collector_of(engine, tallies, now=later)), "rps_active_games") == 0


def test_counters_are_absent_until_the_totals_are_ready(engine: Engine) -> None:
    not_started = Tallies(engine, since=SINCE)
    found = scrape(GameplayCollector(engine, not_started, max_age_seconds=0.0, wait_seconds=0.0))
    assert value(found, "rps_tallies_ready") == 0
    assert value(found, "rps_store_up") == 1
    assert not any(name == "rps_games_total" for name, _ in found)
    assert value(found, "rps_model_promotion_p_value", model="xgboost") == 1


def test_a_scrape_works_without_the_store(tmp_path: Path, engine: Engine) -> None:
    empty = open_engine(f"sqlite:///{tmp_path}/nothing-in-it.db")
    tallies = Tallies(engine, since=SINCE)
    found = scrape(GameplayCollector(empty, tallies, max_age_seconds=0.0))
    assert found == {("rps_store_up", frozenset()): 0.0}
    empty.dispose()


def test_registering_the_collector_reads_nothing(tmp_path: Path, engine: Engine) -> None:
    nowhere = open_engine(f"sqlite:///{tmp_path}/untouched.db")
    CollectorRegistry(auto_describe=True).register(GameplayCollector(nowhere, Tallies(engine, since=SINCE)))
    assert not (tmp_path / "untouched.db").exists()


def test_simultaneous_scrapes_share_one_read(engine: Engine, store: GameStore, tallies: Tallies) -> None:
    collector = GameplayCollector(engine, tallies, max_age_seconds=3600, wait_seconds=30)
    before = scrape(collector)
    play_to_the_end(store, new_game())
    assert scrape(collector) == before
