"""Since when the configurations of a family are compared, on SQLite and on PostgreSQL."""

import json
from datetime import timedelta

from sqlalchemy import Engine, insert

from rps_core.game.families import Alias, ModelIdentity
from rps_core.promotion.comparison import OpenComparison
from rps_core.promotion.ledger_entry import AliasAssignment, LedgerEntry
from rps_core.promotion.standing import SlotContent
from rps_core.store import GameStore, PromotionLedger
from rps_core.store.promotion_standing import comparison_of
from rps_core.store.schema import models
from tests.builders.games import MODEL, START, new_game

NOW = START + timedelta(hours=3)
HELD: dict[Alias, SlotContent] = {
    "Production": SlotContent("1", "c01", "generation"),
    "B": SlotContent("2", "c02", "generation"),
}


B_MODEL = ModelIdentity("2", "b" * 32)


def remember_models(engine: Engine) -> None:
    """Store the manifests of the models in both slots, and of one that is in none."""
    with engine.begin() as connection:
        for model, configuration in ((MODEL, "c01"), (B_MODEL, "c02"), (ModelIdentity("9", "9" * 32), "c09")):
            manifest = {"configuration_id": configuration, "dataset": {"fingerprint": "generation"}}
            connection.execute(
                insert(models).values(
                    run_id=model.run_id,
                    model_type="xgboost",
                    registered_name="rps",
                    version=model.version,
                    manifest_json=json.dumps(manifest),
                    first_served_ts=START,
                )
            )


def compared(engine: Engine, newest: LedgerEntry | None = None) -> OpenComparison:
    comparison = comparison_of(engine, "xgboost", HELD, newest, NOW)
    assert comparison is not None
    return comparison


def test_the_first_comparison_starts_with_the_first_game_that_counts(engine: Engine) -> None:
    remember_models(engine)
    started = [
        new_game("of another configuration", model=ModelIdentity("9", "9" * 32), created_at=START - timedelta(hours=1)),
        new_game("of the other side", alias="B", created_at=START - timedelta(minutes=30)),
        new_game("of a test", player_kind="test"),
        new_game("of a shadow", alias="shadow1", created_at=START + timedelta(minutes=1)),
        new_game("of another family", family="feedforward_nn", created_at=START + timedelta(minutes=2)),
        new_game("first", alias="B", model=B_MODEL, created_at=START + timedelta(minutes=3)),
        new_game("second", created_at=START + timedelta(minutes=4)),
    ]
    GameStore(engine).write(started)
    found = compared(engine)
    assert (found.production, found.b) == ("c01", "c02")
    assert found.started_at == found.read_from == START + timedelta(minutes=3)


def test_without_a_game_the_first_comparison_starts_now(engine: Engine) -> None:
    assert compared(engine).started_at == NOW


def test_a_ledger_without_comparisons_says_when_a_slot_last_changed(engine: Engine) -> None:
    GameStore(engine).write([new_game()])
    moved = AliasAssignment(alias="B", version="2", previous_version="1", changed=True)
    PromotionLedger(engine).append(
        LedgerEntry(
            model_type="xgboost",
            decision="retain_production",
            created_at=START + timedelta(hours=1),
            alias_assignments=(moved,),
            source="test",
        )
    )
    assert compared(engine).started_at == START + timedelta(hours=1)
