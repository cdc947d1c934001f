"""The games of a comparison, read from the store: on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert

from rps_core.game.families import Alias, ModelIdentity
from rps_core.promotion.comparison import OpenComparison, start_comparison
from rps_core.promotion.ledger_entry import AliasAssignment, LedgerEntry
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.standing import SlotContent
from rps_core.store.analytics.comparisons import compared_games, read_comparison
from rps_core.store.game_rows import game_values
from rps_core.store.ledger import PromotionLedger
from rps_core.store.lineage import ModelLineage
from rps_core.store.promotion_standing import read_standing
from rps_core.store.schema import games
from tests.builders.bundles import manifest
from tests.builders.games import new_game

START = datetime(2026, 11, 1, tzinfo=UTC)
LATER = START + timedelta(days=30)
COMPARISON = start_comparison("c01", "c02", START)
SLOTS: dict[Alias, SlotContent] = {"Production": SlotContent("1", "c01", "g0"), "B": SlotContent("2", "c02", "g0")}


class Play:
    """Stores finished games of versions whose manifests the store knows."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._rows = list[dict[str, Any]]()
        self._models = dict[tuple[str, str], ModelIdentity]()

    def model(self, configuration: str, generation: str) -> ModelIdentity:
        key = (configuration, generation)
        if key not in self._models:
            number = len(self._models) + 1
            found = self._models[key] = ModelIdentity(str(number), f"{number:032x}")
            dataset = msgspec.structs.replace(manifest().dataset, fingerprint=generation)
            described = manifest(run_id=found.run_id, configuration_id=configuration, dataset=dataset)
            ModelLineage(self.engine).remember(found, described, START)
        return self._models[key]

    def game(
        self, minute: float, alias: str, configuration: str, winner: str, generation: str = "g0", **columns: Any
    ) -> None:
        at = START + timedelta(minutes=minute)
        model = self.model(configuration, generation)
        game = new_game(f"game-{len(self._rows):05d}", alias=alias, model=model, created_at=at)
        ended = {"finished_ts": at + timedelta(minutes=1), "winner": winner}
        # Every row has the same columns, as an INSERT of many rows needs.
        self._rows.append({"origin": "played"} | game_values(game) | ended | columns)

    def write(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(games), self._rows)


@pytest.fixture
def play(engine: Engine) -> Play:
    return Play(engine)


def read(engine: Engine, comparison: OpenComparison = COMPARISON) -> tuple[OpenComparison, Any]:
    with engine.connect() as connection:
        return read_comparison(connection, "xgboost", comparison, LATER)


def test_only_games_of_both_configurations_in_their_slots_count(play: Play) -> None:
    play.game(1, "Production", "c01", "user")
    play.game(2, "B", "c02", "bot")
    # The API followed a swap a moment late; another configuration was in B; the game came before the comparison.
    play.game(3, "B", "c01", "bot")
    play.game(4, "B", "c03", "bot")
    play.game(-1, "B", "c02", "bot")
    for changes in (
        {"model_switched": 1},
        {"player_kind": "test"},
        {"player_kind": "simulated"},
        {"origin": "recording"},
        {"model_type": "feedforward_nn"},
        {"bot_model_run_id": None},
        {"bot_model_run_id": "e" * 32},
    ):
        play.game(5, "B", "c02", "bot", **changes)
    play.write()
    counts = read(play.engine)[1]["human"]
    assert (counts.b_games, counts.production_games, counts.pairs, counts.b_pairs) == (1, 1, 1, 1)


def test_a_decision_reads_only_the_generations_that_are_not_over(play: Play) -> None:
    random = Random(3)
    for number in range(400):
        alias, configuration = random.choice((("Production", "c01"), ("B", "c02")))
        play.game(10 * number, alias, configuration, random.choice(("bot", "user")), f"g{number // 20}")
    play.write()
    settled, counts = read(play.engine)
    assert counts["human"].generations == 20
    assert read(play.engine, settled)[1] == counts
    with play.engine.connect() as connection:
        assert len(compared_games(connection, "xgboost", COMPARISON)) == 400
        assert len(compared_games(connection, "xgboost", settled)) == 20


def test_a_ledger_of_an_earlier_release_opens_the_comparison_where_a_playing_slot_last_changed(play: Play) -> None:
    play.game(1, "B", "c02", "bot")
    play.game(60, "B", "c02", "bot")
    play.game(61, "Production", "c01", "user")
    play.write()
    ledger, changed = PromotionLedger(play.engine), START + timedelta(minutes=30)
    for at, alias in ((changed, "B"), (changed + timedelta(minutes=1), "shadow1")):
        moved = AliasAssignment(alias=alias, version="2", previous_version="1", changed=True)
        ledger.append(
            LedgerEntry(model_type="xgboost", decision="alias_reorder", created_at=at, alias_assignments=(moved,))
        )
    standing = read_standing(play.engine, "xgboost", SLOTS, None, PromotionRules(), LATER)
    assert standing.is_new
    assert standing.comparison is not None
    assert standing.comparison.started_at == changed
    assert (standing.counts["human"].b_games, standing.counts["human"].pairs) == (1, 1)
