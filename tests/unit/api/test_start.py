"""The start of a game: the drawn values, the stored row and the reply."""

import json

import pytest
from sqlalchemy import func, select

from rps_core.game.families import draw_alias
from rps_core.game.gambits import GAMBITS, resolve_gambit
from rps_core.game.rules import FIRST_STAKE
from rps_core.store.schema import bank_loans, banks
from tests.unit.api.conftest import Start, Table


def test_a_game_starts_with_everything_a_client_needs_for_its_first_round(table: Table) -> None:
    reply = table.start(player_name="Mira", policy="logan")
    rock, paper, scissors = table.store.load_game(reply["game_id"]).round_points(1)
    assert reply["round_points"] == {"rock": rock, "paper": paper, "scissors": scissors} == reply["points"]
    assert (reply["target_score"], reply["round_no"], reply["user_score"], reply["bot_score"]) == (10, 1, 0, 0)
    assert (reply["policy"], reply["bot_policy"], reply["model_type"]) == ("logan", "logan", "multinomial_logistic")
    assert (reply["player_name"], reply["status"], reply["difficulty_mode"]) == ("Mira", "active", "normal")


def test_the_opening_is_stored_but_not_in_the_reply(open_table: Start) -> None:
    table = open_table(choice_rules="brian:expected_value")
    reply = table.start()
    row = table.game_row(reply["game_id"])
    gambit = next(gambit for gambit in GAMBITS if gambit.name == row.opening_name)
    assert tuple(json.loads(row.opening_seq)) == resolve_gambit(row.value_key, gambit)
    assert "opening" not in str(reply)


def test_easy_is_coerced_and_the_message_says_so(table: Table) -> None:
    reply = table.start(difficulty_mode="  EASY ")
    assert reply["difficulty_mode"] == "normal"
    assert "coerced" in reply["message"]
    assert table.game_row(reply["game_id"]).easy_mode == 0


def test_an_unknown_difficulty_is_played_as_normal_without_a_message(table: Table) -> None:
    reply = table.start(difficulty_mode="nightmare")
    assert reply["difficulty_mode"] == "normal"
    assert "coerced" not in reply["message"]


@pytest.mark.parametrize("policy", ["cal", "brian_easy", "", "forrest; drop table games"])
def test_an_unknown_opponent_is_refused_with_the_known_names(table: Table, policy: str) -> None:
    answer = table.client.post("/start_game", json={"policy": policy or " "})
    assert answer.status_code == 400
    assert "brian, forrest, logan" in answer.json()["detail"]


def test_older_field_names_still_work(table: Table) -> None:
    reply = table.start(user_name="Ada", bot_policy="forrest")
    assert (reply["player_name"], reply["policy"]) == ("Ada", "forrest")


def test_a_player_without_a_name_is_named_after_the_session(table: Table) -> None:
    reply = table.start(player_name="player", session_id="356296e3-0000-4000-8000-000000000000")
    assert (reply["player_name"], reply["session_id"]) == ("Player-356", "356296e3-0000-4000-8000-000000000000")


def test_a_game_without_a_session_has_its_own_stake_and_leaves_no_bank(table: Table) -> None:
    def rows() -> list[int]:
        with table.engine.connect() as connection:
            return [connection.scalar(select(func.count()).select_from(kept)) or 0 for kept in (banks, bank_loans)]

    game_id = table.start(policy="forrest", session_id=" ")["game_id"]
    assert (table.store.load_game(game_id).budget, rows()) == (FIRST_STAKE, [0, 0])
    last = table.play_to_the_end(game_id)[-1]
    assert (last["debug"]["budget"] is not None, rows()) == (True, [0, 0])
    table.start(policy="forrest", session_id=table.start(policy="forrest")["session_id"])
    assert rows() == [1, 1]


@pytest.mark.parametrize("mark", ["mark_test_game", "is_test_game", "is_test_data", "is_test"])
def test_each_mark_makes_a_test_game(table: Table, mark: str) -> None:
    reply = table.start(**{mark: True})
    row = table.game_row(reply["game_id"])
    assert (reply["player_kind"], row.player_kind, row.is_test) == ("test", "test", 1)


def test_a_scripted_player_is_stored_as_one(table: Table) -> None:
    assert table.game_row(table.start(player_kind="scripted")["game_id"]).player_kind == "scripted"


def test_the_name_decides_about_clients_that_send_no_kind_if_the_setting_says_so(open_table: Start) -> None:
    by_name = open_table(kinds_by_name=True)
    kinds = {name: by_name.start(player_name=name)["player_kind"] for name in ("Dan", "sim 12", "sim12", "Dana")}
    assert kinds == {"Dan": "scripted", "sim 12": "human", "sim12": "scripted", "Dana": "human"}
    assert by_name.start(player_name="Dan", player_kind="human")["player_kind"] == "human"
    assert by_name.start(player_name="Dan", is_test=True)["player_kind"] == "test"
    assert open_table().start(player_name="Dan")["player_kind"] == "human"


def test_an_unknown_kind_of_player_is_refused_by_name(table: Table) -> None:
    answer = table.client.post("/start_game", json={"player_kind": "robot"})
    assert answer.status_code == 422
    assert "player_kind" in answer.json()["detail"]
    assert [fault["field"] for fault in answer.json()["errors"]] == ["player_kind"]


def test_the_alias_is_reproducible_and_stored_with_version_and_run(open_table: Start) -> None:
    table = open_table(ab_split_ratio=0.5)
    entries = {entry.slot: entry for entry in table.registry.fill_all()}
    table.served.refresh()
    for _ in range(20):
        reply = table.start(policy="forrest")
        alias = draw_alias(reply["game_id"], 0.5)
        row, entry = table.game_row(reply["game_id"]), entries["xgboost", alias]  # type: ignore[index]
        assert (reply["bot_model_alias"], row.bot_model_alias) == (alias, alias)
        assert (row.bot_model_version, row.bot_model_run_id) == (entry.version, entry.run_id)
        assert reply["model_version"] == entry.version


@pytest.mark.parametrize(
    ("enabled", "ratio", "alias"), [(True, 0.0, "B"), (True, 1.0, "Production"), (False, 0.0, "Production")]
)
def test_the_share_of_production_comes_from_the_settings(
    open_table: Start, enabled: bool, ratio: float, alias: str
) -> None:
    table = open_table(enable_ab_testing=enabled, ab_split_ratio=ratio)
    assert {table.start()["bot_model_alias"] for _ in range(10)} == {alias}


def test_a_game_without_a_model_starts_without_a_version(bare_table: Table) -> None:
    reply = bare_table.start()
    assert reply["model_version"] is None
    assert bare_table.game_row(reply["game_id"]).bot_model_run_id is None


@pytest.mark.parametrize("body", [{"player_name": "x" * 5000}, {"session_id": "s" * 200}, {"mark_test_game": "maybe"}])
def test_values_that_are_too_long_or_of_the_wrong_type_are_refused(table: Table, body: dict[str, object]) -> None:
    answer = table.client.post("/start_game", json=body)
    assert answer.status_code == 422
    assert next(iter(body)) in answer.json()["detail"]
