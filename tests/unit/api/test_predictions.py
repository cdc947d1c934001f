"""Stateless predictions: they use the features of the real game, and invalid requests get clear answers."""

from typing import Any

import pytest

from rps_api.inference.prediction import features_of_request
from rps_api.inference.prediction_schemas import PredictRequest, Values
from rps_core.errors import InvalidMove
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.rows import features_of_round
from tests.builders.models import failing_from_round
from tests.unit.api.conftest import OPERATOR, Start, Table


def predict(table: Table, **body: Any) -> dict[str, Any]:
    answer = table.client.post("/predict", json={"policy": "forrest", **body}, headers=OPERATOR)
    return dict(answer.raise_for_status().json())


def described(table: Table, game_id: str) -> dict[str, Any]:
    """A stored game as a client would describe it."""
    game = table.store.load_game(game_id)
    values = [dict(zip(("rock", "paper", "scissors"), played.points, strict=True)) for played in game.rounds]
    current = dict(zip(("rock", "paper", "scissors"), game.round_points(game.next_round_no), strict=True))
    return {
        "policy": game.policy,
        "player_history": [played.user_move for played in game.rounds],
        "bot_history": [played.bot_move for played in game.rounds],
        "round_values": current,
        "history_values": values,
    }


def test_a_described_game_gets_the_same_prediction_as_in_play(table: Table) -> None:
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 5)
    body = described(table, game_id)
    for alias in ("Production", "B", "shadow1", "shadow2"):
        asked = predict(table, **body, ab_assignment=alias)
        assert asked["features_used"] == 75
        if alias == "Production":
            expected = asked
    reply = table.play(game_id)
    assert expected["probabilities"] == reply["debug"]["probabilities"]
    assert expected["model_info"] == {
        "model_type": "xgboost",
        "alias": "Production",
        "version": "1",
        "run_id": f"{1:032x}",
    }


def test_results_and_scores_follow_from_the_moves() -> None:
    request = PredictRequest(
        policy="brian",
        player_history=["rock", "paper"],
        bot_history=["scissors", "paper"],
        result_history=["lose", "lose"],
        round_values=Values(1.2, 1.7, 1.0),
        history_values=[Values(1.4, 1.9, 1.0), Values(1.6, 1.0, 1.1)],
    )
    named = dict(zip(CURRENT_CONTRACT.columns, features_of_request(request), strict=True))
    assert (named["result_-1_draw"], named["result_-2_win"]) == (1.0, 1.0)
    assert (named["score_diff"], named["user_pts_to_win"], named["bot_pts_to_win"]) == pytest.approx((1.4, 8.1, 9.5))
    # Paper was last and had the lowest value: "stay" is paper, "up" is scissors.
    assert (named["round_no"], named["value_stay"], named["value_up"], named["last_rank_low"]) == (3.0, 1.7, 1.0, 1.0)


def test_extra_moves_of_the_longer_history_are_ignored() -> None:
    request = PredictRequest(policy="brian", player_history=["rock"] * 5, bot_history=["paper"] * 2)
    assert dict(zip(CURRENT_CONTRACT.columns, features_of_request(request), strict=True))["round_no"] == 3.0


def test_given_scores_override_computed_ones() -> None:
    request = PredictRequest(
        policy="brian", player_history=["rock"], bot_history=["rock"], user_score=4.0, bot_score=6.5
    )
    assert dict(zip(CURRENT_CONTRACT.columns, features_of_request(request), strict=True))["score_diff"] == -2.5


def test_an_empty_history_is_the_first_round(table: Table) -> None:
    assert features_of_request(PredictRequest(policy="brian")) == features_of_round(
        CURRENT_CONTRACT, [], (1.0, 1.0, 1.0)
    )
    assert sum(predict(table)["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"policy": "zed"}, 400, "brian"),
        ({"policy": "brian", "player_history": ["lizard"], "bot_history": ["rock"]}, 400, "lizard"),
        ({"policy": "brian", "ab_assignment": "staging"}, 400, "Production"),
        (
            {"policy": "brian", "player_history": ["rock"], "bot_history": ["rock"], "history_values": []},
            400,
            "0 rounds",
        ),
        ({"player_history": []}, 422, "policy"),
        ({"policy": "brian", "player_history": ["rock"] * 201}, 422, "player_history"),
        ({"policy": "brian", "round_values": {"rock": -1}}, 422, "round_values.rock"),
    ],
)
def test_an_invalid_value_is_refused_by_name(table: Table, body: dict[str, Any], status: int, word: str) -> None:
    answer = table.client.post("/predict", json=body, headers=OPERATOR)
    assert answer.status_code == status
    assert word in answer.json()["detail"]


def test_an_empty_slot_answers_503(bare_table: Table) -> None:
    answer = bare_table.client.post("/predict", json={"policy": "brian"}, headers=OPERATOR)
    assert (answer.status_code, "feedforward_nn@Production" in answer.json()["detail"]) == (503, True)


def test_a_failing_model_answers_503(table: Table) -> None:
    table.registry.fill_all(first=30, graph=failing_from_round(3))
    table.served.refresh()
    body = {"policy": "brian", "player_history": ["rock"] * 4, "bot_history": ["rock"] * 4}
    assert table.client.post("/predict", json=body, headers=OPERATOR).status_code == 503


def test_predictions_need_the_token_because_they_reveal_the_bots_move(open_table: Start) -> None:
    for path, body in (("/predict", {"policy": "brian"}), ("/predict/batch", [])):
        assert open_table().client.post(path, json=body).status_code == 401
    assert open_table(public_predictions=True).client.post("/predict/batch", json=[]).status_code == 200


def test_one_invalid_request_does_not_affect_the_rest_of_its_batch(table: Table) -> None:
    body = [{"policy": "brian"}, {"policy": "zed"}, {"policy": "logan", "player_history": ["x"], "bot_history": ["x"]}]
    results = table.client.post("/predict/batch", json=body, headers=OPERATOR).json()["results"]
    assert [result["success"] for result in results] == [True, False, False]
    assert "zed" in results[1]["error"]
    assert "prediction" not in results[2]


def test_a_batch_has_a_limit(table: Table) -> None:
    answer = table.client.post("/predict/batch", json=[{"policy": "brian"}] * 101, headers=OPERATOR)
    assert (answer.status_code, "at most 100" in answer.json()["detail"]) == (400, True)


def test_the_move_of_a_context_request_ends_the_history(table: Table) -> None:
    body = {
        "player_move": "Rock",
        "opponent_history": ["paper", "rock"],
        "context": {"player_history": ["scissors"], "policy": "forrest"},
    }
    reply = table.client.post("/predict/context", json=body, headers=OPERATOR).json()
    same = predict(table, player_history=["scissors", "rock"], bot_history=["paper", "rock"])
    assert (reply["probabilities"], reply["player_move"]) == (same["probabilities"], "rock")
    assert (reply["context_policy"], reply["features_extracted"]) == ("forrest", 75)


def test_the_descriptions_are_public(table: Table) -> None:
    assert table.client.get("/predict/policies").json()["policies"] == ["brian", "forrest", "logan"]
    example = table.client.get("/predict/features/example").json()
    assert (example["feature_count"], len(example["extracted_features"])) == (75, 75)
    assert example["feature_names"] == list(CURRENT_CONTRACT.columns)


def test_an_unknown_move_raises_before_any_model_is_asked() -> None:
    with pytest.raises(InvalidMove):
        features_of_request(PredictRequest(policy="brian", player_history=["lizard"], bot_history=["rock"]))
