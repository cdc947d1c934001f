"""Which games make a promotion decision due, on SQLite and on PostgreSQL."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rps_assets.automation.decisions import LoopRuns, ServingState, Skip, decide_serving
from rps_assets.promotion.due import FamilyDecision, family_decisions
from rps_cli.importers import import_rounds
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.rules import PromotionRules
from rps_core.settings import default_settings
from rps_core.store import GameStore, PromotionLedger
from rps_core.store.play_counts import gameplay_counts
from tests.builders.games import START, new_game, play_to_the_end
from tests.unit.store.conftest import engine as engine  # noqa: PLC0414  # the same two databases

LATER = START + timedelta(days=1)


@pytest.fixture
def decided(engine: Engine) -> Engine:
    """A store with one promotion decision, before all games of the tests."""
    for family in FAMILIES:
        PromotionLedger(engine).append(
            LedgerEntry(
                model_type=family, decision="retain_production", created_at=START - timedelta(hours=1), source="test"
            )
        )
    return engine


def import_games(engine: Engine, folder: Path, *, policy: str) -> None:
    """Import one finished game of seven rounds that the player wins."""
    rows = [f"{policy}-1,{number},rock,scissors,{policy},1.9,1.4,1.0,{LATER.isoformat()}" for number in range(1, 7)]
    header = "game_id,round,player_move,opponent_move,policy,rock_pts,paper_pts,scissors_pts,event_ts"
    file = folder / "games.csv"
    file.write_text("\n".join([header, *rows]))
    report = import_rounds(engine, file)
    assert report.imported["games"].count == 1, report


def is_cycle_due(engine: Engine, now: datetime) -> bool:
    decisions = family_decisions(engine, PromotionRules(), now)
    state = ServingState(START, START, decisions, drift=(), api_problem=None)
    return not isinstance(decide_serving(state, LoopRuns(None), now, default_settings().training), Skip)


def forrest(engine: Engine) -> FamilyDecision:
    return family_decisions(engine, PromotionRules(), LATER)["xgboost"]


def test_an_import_of_recordings_starts_no_promotion_cycle(decided: Engine, tmp_path: Path) -> None:
    import_games(decided, tmp_path, policy="somebody else")
    assert forrest(decided) == FamilyDecision(START - timedelta(hours=1), 0)
    assert not is_cycle_due(decided, LATER + timedelta(days=1))


def test_imported_games_against_our_bots_start_one(decided: Engine, tmp_path: Path) -> None:
    import_games(decided, tmp_path, policy="forrest")
    assert is_cycle_due(decided, LATER + timedelta(days=1))


def test_games_finished_since_the_last_decision_count_unless_they_are_tests(decided: Engine) -> None:
    store = GameStore(decided)
    play_to_the_end(store, new_game("old", created_at=START - timedelta(days=2)))
    play_to_the_end(store, new_game("human"))
    play_to_the_end(store, new_game("scripted", player_kind="scripted"))
    play_to_the_end(store, new_game("test", player_kind="test"))
    store.write([new_game("running")])
    assert forrest(decided) == FamilyDecision(START - timedelta(hours=1), 2)
    # The games of one family make no decision about another one due.
    assert family_decisions(decided, PromotionRules(), LATER)["feedforward_nn"].games == 0


def test_without_a_decision_every_finished_game_counts(engine: Engine) -> None:
    play_to_the_end(GameStore(engine), new_game())
    assert forrest(engine) == FamilyDecision(None, 1)
    assert gameplay_counts(engine, START).finished_games == 1
