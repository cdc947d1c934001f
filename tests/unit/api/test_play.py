"""Rounds: the bot's move, the score, the stored rows and refused plays."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from rps_api.games.decision import UpcomingRound, decide
from rps_cli.importers import import_rounds
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.rows import features_of_round
from rps_core.features.steps import steps_after
from rps_core.game.choice import choose_move
from rps_core.game.families import ALIASES, Slot
from rps_core.game.moves import round_result
from rps_core.game.scoring import round_deltas, round_points
from rps_core.store.schema import events, predictions
from tests.builders.models import expecting
from tests.unit.api.conftest import Start, Table


def test_under_the_original_rule_the_bot_plays_the_opening_drawn_at_the_start(open_table: Start) -> None:
    table = open_table(choice_rules="brian:expected_value")
    game_id = table.start()["game_id"]
    opening = table.store.load_game(game_id).opening
    replies = [table.play(game_id) for _ in range(3)]
    assert tuple(reply["bot_move"] for reply in replies) == opening
    assert {reply["model_info"]["probability_source"] for reply in replies} == {"gambit"}
    assert {reply["model_info"]["model_type"] for reply in replies} == {"gambit"}
    assert [reply["ab_assignment"] for reply in replies] == [None] * 3
    assert replies[0]["debug"]["probabilities"]["rock"] == pytest.approx(1 / 3)
    assert replies[0]["debug"]["move_values"] == {}


def test_from_the_fourth_round_on_the_model_of_the_alias_decides(open_table: Start) -> None:
    table = open_table(ab_split_ratio=1.0, choice_rules="forrest:expected_value")
    table.registry.fill_all()
    table.served.refresh()
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 3)
    game = table.store.load_game(game_id)
    reply = table.play(game_id)
    points = game.round_points(4)
    stated = tuple(reply["debug"]["probabilities"].values())
    assert reply["bot_move"] == choose_move(stated, points, game.bot_score, game.user_score)
    assert reply["debug"]["features"] == features_of_round(CURRENT_CONTRACT, game.rounds, points)
    assert reply["model_info"] | {"difficulty_mode": "standard"} == {
        "model_type": "xgboost",
        "model_alias": "Production",
        "model_version": "1",
        "model_run_id": "0" * 8,
        "difficulty_mode": "standard",
        "policy": "forrest",
        "probability_source": "mlflow",
    }
    assert reply["ab_assignment"] == {"alias": "Production", "model_key": "xgboost@Production", "is_variant": False}


@pytest.mark.parametrize("move", ["rock", "paper", "scissors"])
def test_the_bots_move_is_fixed_before_the_users_is_known(table: Table, move: str) -> None:
    game_id = table.start()["game_id"]
    table.play_rounds(game_id, 5)
    game = table.store.load_game(game_id)
    upcoming = UpcomingRound(game, steps_after(game.rounds))
    decided = decide(game, upcoming, table.served.snapshot, forced_fallback=False, draw=lambda: 0.5)
    assert table.play(game_id, move)["bot_move"] == decided.bot_move


def test_all_four_slots_predict_from_the_same_features_and_are_stored(table: Table) -> None:
    game_id = table.start(policy="logan")["game_id"]
    reply = table.play_rounds(game_id, 4, "paper")
    by_alias = reply["debug"]["alias_predictions"]
    assert list(by_alias) == list(ALIASES)
    with table.engine.connect() as connection:
        rows = {row.alias: row for row in connection.execute(select(predictions))}
    assert set(rows) == set(ALIASES)
    for alias, row in rows.items():
        assert by_alias[alias]["probabilities"] == {
            "rock": row.p_rock,
            "paper": row.p_paper,
            "scissors": row.p_scissors,
        }
        assert (by_alias[alias]["model_version"], by_alias[alias]["model_run_id"]) == (row.model_version, row.run_id)
        assert bool(row.correct) == (by_alias[alias]["predicted_move"] == "paper")


def test_scores_follow_the_rules_to_the_end_of_the_game(table: Table) -> None:
    game_id = table.start()["game_id"]
    user = bot = 0.0
    ties = 0
    replies = table.play_to_the_end(game_id)
    key = table.client.get(f"/games/{game_id}").json()["value_key"]
    for number, reply in enumerate(replies, start=1):
        deltas = round_deltas(reply["user_move"], reply["bot_move"], round_points(key, number))
        user, bot = user + deltas[0], bot + deltas[1]
        ties += reply["result"] == "draw"
        assert reply["round"] == number
        assert reply["result"] == round_result(reply["user_move"], reply["bot_move"])
        assert (reply["user_delta"], reply["bot_delta"]) == deltas
        assert (reply["user_score"], reply["bot_score"]) == (pytest.approx(user), pytest.approx(bot))
        assert reply["scores"] == {"player": reply["user_score"], "bot": reply["bot_score"], "ties": ties}
    last, row = replies[-1], table.game_row(game_id)
    assert max(last["user_score"], last["bot_score"]) >= 10
    assert (row.winner, row.finished_ts is not None) == (last["winner"], True)
    assert [reply["winner"] for reply in replies[:-1]] == [None] * (len(replies) - 1)


def test_a_finished_game_refuses_a_play_with_its_state(table: Table) -> None:
    game_id = table.start()["game_id"]
    last = table.play_to_the_end(game_id)[-1]
    answer = table.try_play(game_id)
    assert answer.status_code == 409
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert (problem["finished"], problem["winner"], problem["rounds_played"]) == (True, last["winner"], last["round"])
    assert "start a new game" in problem["detail"]
    assert table.game_row(game_id).user_score == last["user_score"]


def test_moves_are_case_insensitive(table: Table) -> None:
    assert table.play(table.start()["game_id"], " PaPer ")["user_move"] == "paper"


def test_an_unknown_move_is_refused_before_anything_is_stored(table: Table) -> None:
    game_id = table.start()["game_id"]
    answer = table.try_play(game_id, "lizard")
    assert (answer.status_code, "rock, paper, scissors" in answer.json()["detail"]) == (400, True)
    assert table.row(select(func.count()).select_from(events))[0] == 0


@pytest.mark.parametrize("path", ["/games/{}", "/round_points?game_id={}", "/recent?game_id={}"])
def test_an_unknown_game_is_not_found(table: Table, path: str) -> None:
    answer = table.client.get(path.format("00000000-0000-4000-8000-000000000000"))
    assert (answer.status_code, answer.json()["detail"]) == (404, "Game not found")


def test_an_unknown_game_cannot_be_played(table: Table) -> None:
    assert table.try_play("nobody").status_code == 404


@pytest.mark.parametrize("field", ["game_id", "user_move"])
def test_a_missing_field_is_named(table: Table, field: str) -> None:
    body = {"game_id": "x", "user_move": "rock"}
    del body[field]
    answer = table.client.post("/play", json=body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == field


def test_the_values_of_the_next_round_are_public(table: Table) -> None:
    game_id = table.start()["game_id"]
    table.play(game_id)
    rock, paper, scissors = table.store.load_game(game_id).round_points(2)
    assert table.client.get("/round_points", params={"game_id": game_id}).json() == {
        "round_no": 2,
        "round_points": {"rock": rock, "paper": paper, "scissors": scissors},
    }


def test_recent_rounds_repeat_their_replies_newest_last(table: Table) -> None:
    game_id = table.start()["game_id"]
    replies = [table.play(game_id) for _ in range(5)]
    assert table.client.get("/recent", params={"game_id": game_id, "limit": 3}).json() == replies[-3:]
    assert table.client.get("/recent", params={"game_id": game_id}).json() == replies
    assert table.client.get("/recent", params={"game_id": game_id, "limit": 0}).status_code == 422


def test_a_game_reveals_its_opening_only_when_it_is_over(table: Table) -> None:
    game_id = table.start()["game_id"]
    table.play(game_id)
    view = table.client.get(f"/games/{game_id}").json()
    assert (view["status"], view["opening_name"], view["round_no"], len(view["rounds"])) == ("active", None, 2, 1)
    table.play_to_the_end(game_id)
    view = table.client.get(f"/games/{game_id}").json()
    assert (view["status"], view["opening_name"]) == ("finished", table.game_row(game_id).opening_name)


def test_forced_fallbacks_play_uniformly_without_models(open_table: Start) -> None:
    table = open_table(force_model_fallbacks=True)
    table.registry.fill_all(graph=expecting(0))
    table.served.refresh()
    started = table.start()
    reply = table.play_rounds(started["game_id"], 4)
    assert started["model_version"] is None
    assert reply["model_info"]["probability_source"] == "forced_fallback"
    assert set(reply["debug"]["probabilities"].values()) == {1 / 3}
    assert reply["debug"]["alias_predictions"] == {}


def test_without_a_model_the_bot_plays_the_most_valuable_move_as_a_fallback(bare_table: Table) -> None:
    game_id = bare_table.start()["game_id"]
    reply = bare_table.play_rounds(game_id, 4)
    info = reply["model_info"]
    assert (info["probability_source"], info["model_version"], info["model_run_id"]) == ("fallback", "unknown", None)
    assert bare_table.row(select(events).where(events.c.step_no == 4)).probability_source == "fallback"


def test_the_other_slots_predict_if_one_is_empty(table: Table) -> None:
    entries = [entry for entry in table.registry.fill_all(first=20) if entry.slot != Slot("xgboost", "shadow1")]
    table.registry.synchronise(entries)
    table.served.refresh()
    reply = table.play_rounds(table.start(policy="forrest")["game_id"], 4)
    assert list(reply["debug"]["alias_predictions"]) == ["Production", "B", "shadow2"]


def test_an_exact_tie_of_an_older_game_stays_as_rounding_decided_it(bare_table: Table, tmp_path: Path) -> None:
    moves = ["rp", "ps", "pr", "rs", "pr", "rr", "pr", "rp", "ss", "pr", "pp", "rp", "pp", "sr", "rs", "pp"]
    names = {move[0]: move for move in ("rock", "paper", "scissors")}
    rows, user, bot = ["game_id,round,player_move,bot_move,rock_pts,paper_pts,scissors_pts,policy,winner"], 0.0, 0.0
    for number, (mine, other) in enumerate(moves, start=1):
        points = round_points("old-tie", number)
        deltas = round_deltas(names[mine], names[other], points)  # type: ignore[arg-type]
        user, bot = user + deltas[0], bot + deltas[1]
        rows.append(f"old-tie,{number},{names[mine]},{names[other]},{','.join(map(str, points))},logan,user")
    assert (user, bot) == (10.200000000000001, 10.2)
    (tmp_path / "old.csv").write_text("\n".join(rows))
    import_rounds(bare_table.engine, tmp_path / "old.csv")
    view = bare_table.client.get("/games/old-tie").json()
    assert (view["winner"], view["user_score"], view["bot_score"]) == ("user", 10.2, 10.2)
    last = bare_table.client.get("/recent", params={"game_id": "old-tie"}).json()[-1]
    assert (last["finished"], last["winner"]) == (True, "user")
