"""The activity view and the debug view of all counters."""

import pytest

from tests.unit.api.conftest import OPERATOR, Start, Table


def test_activity_counts_the_last_hour_and_the_slots_that_began_games(table: Table) -> None:
    last = table.play_to_the_end(table.start(policy="forrest")["game_id"])[-1]
    table.play(table.start(policy="brian")["game_id"])
    found = table.client.get("/health/metrics").json()
    assert found["status"] == "healthy"
    assert found["ab_testing"] == {"enabled": True, "split_ratio": 1.0}
    assert found["model_usage"] == {"feedforward_nn@Production": 1, "xgboost@Production": 1}
    assert found["recent_activity"] == {"moves_last_hour": last["round"] + 1, "games_last_hour": 1}


def test_activity_does_not_count_test_games(bare_table: Table) -> None:
    bare_table.play(bare_table.start(is_test=True)["game_id"])
    found = bare_table.client.get("/health/metrics").json()
    assert (found["model_usage"], found["recent_activity"]["moves_last_hour"]) == ({}, 0)


def test_counters_are_summed_over_their_labels(table: Table) -> None:
    last = table.play_to_the_end(table.start(policy="forrest")["game_id"])[-1]
    counters = table.client.get("/debug/counters", headers=OPERATOR).json()["counters"]
    assert counters["rps_games_total"] == 1
    assert counters["rps_model_predictions_by_alias_total"] == 4 * (last["round"] - 3)
    assert counters["http_requests_total"] == last["round"] + 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guessed"}])
def test_only_operators_read_the_counters(open_table: Start, headers: dict[str, str]) -> None:
    assert open_table().client.get("/debug/counters", headers=headers).status_code == 401
