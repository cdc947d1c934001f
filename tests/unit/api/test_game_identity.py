"""A game belongs to one model version through reloads, restarts and failures of a model."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from rps_core.game.families import SLOTS, Slot
from tests.builders.models import expecting, failing_from_round, reading_features
from tests.unit.api.conftest import OPERATOR, Start, Table

PRODUCTION = Slot("xgboost", "Production")


def replace_models(table: Table, first: int, graph: bytes | None = None) -> None:
    table.registry.fill_all(first=first, graph=graph)
    table.served.refresh()


def test_a_running_game_is_finished_by_the_model_that_began_it(table: Table) -> None:
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 5)
    replace_models(table, first=40)
    replies = table.play_to_the_end(game_id)
    assert {reply["model_info"]["model_version"] for reply in replies} == {"1"}
    assert {reply["debug"]["alias_predictions"]["B"]["model_version"] for reply in replies} == {"41"}
    assert {reply["debug"]["alias_predictions"]["Production"]["model_version"] for reply in replies} == {"1"}
    row = table.game_row(game_id)
    assert (row.bot_model_version, row.model_switched) == ("1", 0)
    assert table.start(policy="forrest")["model_version"] == "40"


def test_a_promotion_during_a_game_does_not_change_its_model(table: Table) -> None:
    entries = {entry.slot: entry for entry in table.registry.fill_all(first=60)}
    table.served.refresh()
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 4)
    production, b = entries[PRODUCTION], entries[Slot("xgboost", "B")]
    swapped = {
        production.slot: msgspec.structs.replace(b, alias="Production"),
        b.slot: msgspec.structs.replace(production, alias="B"),
    }
    table.registry.synchronise([swapped.get(entry.slot, entry) for entry in entries.values()])
    table.served.refresh()
    reply = table.play(game_id)
    assert reply["model_info"]["model_version"] == production.version
    # The version that began the game plays as Production and is now also the version of B.
    predictions = reply["debug"]["alias_predictions"]
    assert (predictions["Production"]["model_version"], predictions["B"]["model_version"]) == (production.version,) * 2
    assert table.game_row(game_id).model_switched == 0


def test_after_a_restart_a_game_continues_with_its_own_model(open_table: Start) -> None:
    table = open_table(ab_split_ratio=1.0)
    table.registry.fill_all()
    table.served.refresh()
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 5)
    again = open_table(ab_split_ratio=0.0)
    again.served.refresh()
    reply = again.play(game_id)
    assert (reply["model_info"]["model_alias"], reply["model_info"]["model_version"]) == ("Production", "1")
    assert again.game_row(game_id).model_switched == 0


def test_a_game_that_lost_its_model_in_a_restart_is_marked_and_counts_for_no_version(open_table: Start) -> None:
    table = open_table(ab_split_ratio=1.0)
    table.registry.fill_all()
    table.served.refresh()
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 5)
    table.registry.fill_all(first=70)
    again = open_table()
    again.served.refresh()
    assert again.play(game_id)["model_info"]["model_version"] == "70"
    row = again.game_row(game_id)
    assert (row.bot_model_version, row.bot_model_run_id, row.model_switched) == ("70", f"{70:032x}", 1)


def test_a_game_in_its_opening_may_change_its_model_without_a_mark(open_table: Start) -> None:
    table = open_table(ab_split_ratio=1.0)
    table.registry.fill_all()
    table.served.refresh()
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 3)
    table.registry.fill_all(first=70)
    again = open_table()
    again.served.refresh()
    again.play(game_id)
    row = again.game_row(game_id)
    assert (row.bot_model_version, row.model_switched) == ("70", 0)


def test_a_game_without_a_model_gets_one_before_the_first_policy_round(bare_table: Table) -> None:
    game_id = bare_table.start(policy="forrest")["game_id"]
    bare_table.play_rounds(game_id, 3)
    replace_models(bare_table, first=1)
    assert bare_table.play(game_id)["model_info"]["probability_source"] == "mlflow"
    row = bare_table.game_row(game_id)
    assert (row.bot_model_run_id is not None, row.model_switched) == (True, 0)


def test_a_game_whose_model_came_late_belongs_to_no_version(bare_table: Table) -> None:
    game_id = bare_table.start(policy="forrest")["game_id"]
    bare_table.play_rounds(game_id, 4)
    replace_models(bare_table, first=1)
    bare_table.play(game_id)
    assert bare_table.game_row(game_id).model_switched == 1


@pytest.mark.parametrize("round_no", [4, 6])
def test_a_model_that_answers_nan_becomes_a_fallback_and_marks_the_game(table: Table, round_no: int) -> None:
    replace_models(table, first=80, graph=failing_from_round(round_no))
    game_id = table.start(policy="forrest")["game_id"]
    reply = table.play_rounds(game_id, round_no)
    assert reply["model_info"]["probability_source"] == "fallback"
    assert set(reply["debug"]["probabilities"].values()) == {1 / 3}
    assert reply["debug"]["alias_predictions"] == {}
    assert table.game_row(game_id).model_switched == 1
    assert table.play(game_id)["round"] == round_no + 1


def test_a_shadow_that_answers_nan_is_skipped_without_side_effects(table: Table) -> None:
    slot = Slot("xgboost", "shadow2")
    entries = [
        table.registry.version(filled, 90 + number, failing_from_round(4) if filled == slot else expecting(2))
        for number, filled in enumerate(SLOTS)
    ]
    table.registry.synchronise(entries)
    table.served.refresh()
    game_id = table.start(policy="forrest")["game_id"]
    reply = table.play_rounds(game_id, 4)
    assert list(reply["debug"]["alias_predictions"]) == ["Production", "B", "shadow1"]
    assert (reply["model_info"]["probability_source"], table.game_row(game_id).model_switched) == ("mlflow", 0)


def test_reloads_during_play_neither_lose_rounds_nor_change_models(table: Table) -> None:
    games = [table.start(policy="forrest")["game_id"] for _ in range(6)]

    def play(game_id: str) -> list[dict[str, object]]:
        return table.play_to_the_end(game_id)

    with ThreadPoolExecutor(8) as pool:
        played = [pool.submit(play, game_id) for game_id in games]
        for generation in (100, 200):
            table.registry.fill_all(first=generation, graph=reading_features(generation))
            reply = table.client.post("/models/reload", headers=OPERATOR).json()
            assert (reply["success"], len(reply["reloaded"])) == (True, 12)
        replies = [future.result() for future in played]
    for game_id, rounds in zip(games, replies, strict=True):
        assert [reply["round"] for reply in rounds] == list(range(1, len(rounds) + 1))
        chosen = {reply["model_info"]["model_version"] for reply in rounds[3:]}  # type: ignore[index]
        assert chosen == {"1"}
        assert table.game_row(game_id).model_switched == 0
