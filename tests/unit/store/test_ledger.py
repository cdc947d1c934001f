"""The promotion ledger, on SQLite and on PostgreSQL."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Engine, update

from rps_core.promotion.comparison import start_comparison
from rps_core.promotion.ledger_entry import AliasAssignment, AliasRanking, LedgerEntry
from rps_core.store.ledger import Overtaken, PromotionLedger
from rps_core.store.schema import promotion_events
from tests.builders.games import START


def entry(**changes: object) -> LedgerEntry:
    complete = LedgerEntry(
        model_type="xgboost",
        decision="retain_production",
        created_at=START,
        z_statistic=1.6036,
        p_value=0.0544,
        production_wins=9,
        production_total_games=25,
        b_wins=12,
        b_total_games=20,
        reorder_applied=True,
        alias_rankings=(AliasRanking(alias="B", rank=1, source_alias="shadow1", accuracy=0.512, total_predictions=7),),
        alias_assignments=(AliasAssignment(alias="B", version="12", previous_version="9", changed=True),),
        reason="the lead may be luck",
    )
    return msgspec.structs.replace(complete, **changes)


@pytest.fixture
def ledger(engine: Engine) -> PromotionLedger:
    return PromotionLedger(engine)


def test_a_decision_is_read_back_as_written(ledger: PromotionLedger) -> None:
    event_id = ledger.append(entry())
    assert ledger.history() == [entry(id=event_id)]


def test_the_newest_decision_is_first_and_filters_select(ledger: PromotionLedger) -> None:
    ledger.append(entry())
    ledger.append(entry(model_type="feedforward_nn", created_at=START + timedelta(hours=1)))
    ledger.append(entry(decision="swap_production_b", created_at=START + timedelta(hours=2)))
    assert [found.decision for found in ledger.history(limit=2)] == ["swap_production_b", "retain_production"]
    assert len(ledger.history(family="feedforward_nn")) == 1
    assert len(ledger.history(decision="swap_production_b")) == 1
    assert len(ledger.history(since=START + timedelta(minutes=30))) == 2


def test_cycles_are_counted_since_the_last_swap_of_the_family(ledger: PromotionLedger) -> None:
    assert ledger.cycles_since_swap("xgboost") == 0
    ledger.append(entry())
    ledger.append(entry(decision="swap_production_b"))
    ledger.append(entry())
    ledger.append(entry(model_type="feedforward_nn"))
    ledger.append(entry(decision="insufficient_data"))
    assert ledger.cycles_since_swap("xgboost") == 2


def test_invalid_json_of_an_imported_row_is_read_as_an_empty_list(ledger: PromotionLedger, engine: Engine) -> None:
    ledger.append(entry())
    with engine.begin() as connection:
        connection.execute(update(promotion_events).values(alias_rankings_json="{oops"))
    (found,) = ledger.history()
    assert found.alias_rankings == ()
    assert found.alias_assignments == entry().alias_assignments


def test_the_newest_decision_is_the_one_with_the_highest_number_and_keeps_its_comparison(
    ledger: PromotionLedger,
) -> None:
    assert ledger.newest_decision("xgboost") is None
    comparison = start_comparison("c01", "c02", START)
    event_id = ledger.append(entry(cycle=2, open_comparison=comparison))
    ledger.append(entry(created_at=START + timedelta(hours=1)))
    ledger.append(entry(model_type="feedforward_nn", cycle=9))
    assert ledger.newest_decision("xgboost") == entry(cycle=2, open_comparison=comparison, id=event_id)


def test_a_cycle_of_a_family_is_decided_once(ledger: PromotionLedger) -> None:
    event_id = ledger.append(entry(cycle=7))
    late = entry(cycle=7, created_at=START - timedelta(minutes=1), decision="swap_production_b")
    with pytest.raises(Overtaken, match="another run has made decision 7 meanwhile"):
        ledger.append(late)
    with pytest.raises(Overtaken, match="nothing"):
        ledger.require_undecided(late)
    # The run that follows a killed one stores the entry of its intent; storing it again changes nothing.
    assert ledger.append(entry(cycle=7)) == ledger.require_undecided(entry(cycle=7)) == event_id
    assert len(ledger.history()) == 1
    assert ledger.require_undecided(entry(cycle=8)) is None
    # Other families and reports of other programs are independent of it.
    ledger.append(entry(model_type="feedforward_nn", cycle=7))
    ledger.append(entry())
    ledger.append(entry())
