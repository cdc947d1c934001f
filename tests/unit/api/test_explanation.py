"""The explanation of a round, from the bot's move to the training data, even after the model has left memory."""

import pytest

from rps_core.features.contract import CURRENT_CONTRACT
from tests.builders.models import reading_features
from tests.unit.api.conftest import Start, Table


def explain(table: Table, game_id: str, round_no: int) -> dict[str, object]:
    return dict(table.client.get(f"/games/{game_id}/rounds/{round_no}/explanation").raise_for_status().json())


def test_a_round_is_traced_to_the_training_examples_of_its_model(table: Table) -> None:
    game_id = table.start(policy="forrest")["game_id"]
    reply = table.play_rounds(game_id, 5)
    explanation = explain(table, game_id, 5)
    assert (explanation["bot_move"], explanation["probabilities"]) == (
        reply["bot_move"],
        reply["debug"]["probabilities"],
    )
    assert explanation["expected_values"] == reply["debug"]["move_values"]
    assert explanation["features"] == dict(zip(CURRENT_CONTRACT.columns, reply["debug"]["features"], strict=True))
    model = explanation["model"]
    assert isinstance(model, dict)
    assert (model["version"], model["run_id"], model["alias"]) == ("1", f"{1:032x}", "Production")
    assert model["reproduced"] is True
    assert model["training"]["fingerprint"] == "f" * 64
    assert (model["training"]["examples"], model["training"]["games"]) == (900, 90)
    assert model["training"]["first_game_at"] == "2026-11-01T00:00:00Z"
    assert (model["configuration_id"], model["metrics"]) == ("xgboost_c01", {"test_accuracy": 0.6})
    trained = "Forrest's model, version 1, trained on 3 games of people and 87 of scripted players"
    assert trained in str(explanation["summary"])


def test_the_links_lead_to_the_asset_and_to_the_run(table: Table) -> None:
    game_id = table.start(policy="logan")["game_id"]
    table.play_rounds(game_id, 4)
    links = explain(table, game_id, 4)["links"]
    assert isinstance(links, dict)
    assert links["model_asset"] == "http://127.0.0.1:3000/assets/models/logan?view=partitions&partition=Production"
    assert links["mlflow_run"] == f"http://127.0.0.1:5000/#/runs/{9:032x}"
    assert links["mlflow_version"].endswith("#/models/rps_bot_mnlogit/versions/9")


def test_the_features_of_a_past_round_stay_the_same(table: Table) -> None:
    game_id = table.start()["game_id"]
    replies = table.play_to_the_end(game_id)
    for reply in replies:
        explanation = explain(table, game_id, reply["round"])
        assert list(explanation["features"].values()) == reply["debug"]["features"]  # type: ignore[attr-defined]
        assert explanation["probability_source"] == reply["debug"]["probability_source"]


def test_an_opening_round_has_no_model_and_no_expected_values(table: Table) -> None:
    game_id = table.start()["game_id"]
    table.play(game_id)
    explanation = explain(table, game_id, 1)
    assert (
        explanation["probability_source"],
        explanation["model"],
        explanation["links"],
        explanation["expected_values"],
    ) == (
        "gambit",
        None,
        None,
        {},
    )
    assert "perfect play" in str(explanation["summary"])


def test_the_explanation_of_a_fallback_says_that_no_model_was_available(bare_table: Table) -> None:
    game_id = bare_table.start()["game_id"]
    bare_table.play_rounds(game_id, 4)
    explanation = explain(bare_table, game_id, 4)
    assert (explanation["probability_source"], explanation["model"]) == ("fallback", None)
    assert "Brian had no model." in str(explanation["summary"])


def test_a_model_that_left_memory_is_still_explained(open_table: Start) -> None:
    table = open_table(ab_split_ratio=1.0)
    table.registry.fill_all()
    table.served.refresh()
    game_id = table.start(policy="forrest")["game_id"]
    table.play_rounds(game_id, 4)
    table.registry.fill_all(first=50, graph=reading_features(99))
    later = open_table()
    later.served.refresh()
    model = explain(later, game_id, 4)["model"]
    assert isinstance(model, dict)
    assert (model["version"], model["reproduced"]) == ("1", None)
    assert model["training"]["fingerprint"] == "f" * 64


@pytest.mark.parametrize("round_no", [0, 2, 99])
def test_a_round_that_has_not_been_played_is_not_found(table: Table, round_no: int) -> None:
    game_id = table.start()["game_id"]
    table.play(game_id)
    answer = table.client.get(f"/games/{game_id}/rounds/{round_no}/explanation")
    assert answer.status_code == 404
    assert "has not been played" in answer.json()["detail"]


def test_an_unknown_game_has_no_explanation(table: Table) -> None:
    assert table.client.get("/games/nobody/rounds/1/explanation").status_code == 404
