"""Reports to the ledger, and the history that dashboards read."""

from typing import Any

import pytest
from sqlalchemy import func, select

from rps_core.game.families import FAMILIES
from rps_core.store.schema import promotion_events
from tests.unit.api.conftest import OPERATOR, Table

REPORT: dict[str, Any] = {
    "model_type": "xgboost",
    "decision": "retain_production",
    "z_statistic": 1.25,
    "p_value": 0.1056,
    "production_wins": 9,
    "production_total_games": 25,
    "b_wins": 12,
    "b_total_games": 20,
    "alias_rankings": [
        {"alias": "B", "rank": 1, "source_alias": "shadow1", "accuracy": 0.5123, "total_predictions": 7},
        {"alias": "shadow1", "rank": 2, "source_alias": "B", "total_predictions": 1},
        {"alias": "shadow2", "rank": 3, "accuracy": 0.25},
    ],
    "alias_accuracies": [{"alias": "Production", "accuracy": 0.4, "total_predictions": 30}],
    "alias_assignments": [
        {"alias": "B", "version": 17, "source_alias": "shadow1", "previous_version": "16", "changed": True}
    ],
    "reason": "not enough",
}


def report(table: Table, **changes: Any) -> Any:
    return table.client.post("/internal/promotion/report", json=REPORT | changes, headers=OPERATOR)


def history(table: Table, **query: Any) -> Any:
    return table.client.get("/internal/promotion/history", params=query, headers=OPERATOR)


def test_a_report_is_recorded_and_read_back_with_its_derived_fields(table: Table) -> None:
    reply = report(table).raise_for_status().json()
    (record,) = history(table).json()
    assert (reply["success"], record["id"], reply["event_id"]) == (True, reply["event_id"], reply["event_id"])
    assert (record["production_win_rate"], record["b_win_rate"]) == (9 / 25, 12 / 20)
    assert record["rank1_summary"] == "B <- shadow1 (7 preds, 51.2%)"
    assert record["rank2_summary"] == "shadow1 <- B (1 pred)"
    assert record["rank3_summary"] == "shadow2 (25.0%)"
    assert record["step2_order"] == "B > shadow1 > shadow2"
    assert record["step2_accuracy"] == "B: 51.2%, shadow1: n/a, shadow2: 25.0%"
    assert record["step2_sources"] == "B src=shadow1, shadow1 src=B, shadow2 src=shadow2"
    assert record["alias_assignments"][0]["version"] == "17"
    assert record["created_ts_utc"].endswith("Z")


def test_an_empty_report_has_empty_summaries(table: Table) -> None:
    report(table, alias_rankings=[], production_total_games=0)
    (record,) = history(table).json()
    assert (record["rank1_summary"], record["step2_order"], record["production_win_rate"]) == (None, "-", None)


def test_missing_tickers_are_counted_since_the_last_swap(table: Table) -> None:
    first = report(table).json()
    assert (first["production_games_since_swap"], first["promotion_cycles_since_swap"]) == (25, 1)
    swap = report(table, decision="swap_production_b").json()
    assert (swap["production_games_since_swap"], swap["b_games_since_swap"], swap["promotion_cycles_since_swap"]) == (
        0,
    ) * 3
    after = report(table, production_total_games=31, b_total_games=5).json()
    # 31 - 25 since the swap; a counter that started again counts as it is.
    assert (after["production_games_since_swap"], after["b_games_since_swap"]) == (6, 5)
    assert after["promotion_cycles_since_swap"] == 1
    assert report(table, model_type="feedforward_nn").json()["promotion_cycles_since_swap"] == 1


def test_reported_tickers_are_kept(table: Table) -> None:
    given = {"production_games_since_swap": 4, "b_games_since_swap": 5, "promotion_cycles_since_swap": 6}
    reply = report(table, **given).json()
    assert {name: reply[name] for name in given} == given


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"model_type": "feedforward"}, 400, "feedforward"),
        ({"decision": "promote"}, 400, "alias_reorder"),
        ({"alias_rankings": [{"alias": "Production", "rank": 1}]}, 400, "challengers"),
        ({"alias_rankings": [{"alias": "B", "rank": 1}, {"alias": "B", "rank": 2}]}, 400, "twice"),
        ({"created_ts_utc": "yesterday"}, 400, "ISO 8601"),
        ({"alias_rankings": [{"alias": "B", "rank": 4}]}, 422, "rank"),
        ({"b_wins": -1}, 422, "b_wins"),
        ({"production_total_games": "many"}, 422, "production_total_games"),
    ],
)
def test_a_contradictory_report_is_not_stored(table: Table, changes: dict[str, Any], status: int, word: str) -> None:
    answer = report(table, **changes)
    assert answer.status_code == status
    assert word in answer.json()["detail"]
    assert table.row(select(func.count()).select_from(promotion_events))[0] == 0


def test_the_time_of_a_report_can_be_given_and_filtered_by(table: Table) -> None:
    report(table, created_ts_utc="2026-01-05T10:00:00")
    report(table, created_ts_utc="2026-03-05T12:00:00+02:00", decision="alias_reorder")
    assert [entry["created_ts_utc"] for entry in history(table).json()] == [
        "2026-03-05T10:00:00Z",
        "2026-01-05T10:00:00Z",
    ]
    assert len(history(table, since="2026-02-01").json()) == 1
    assert len(history(table, decision="alias_reorder").json()) == 1
    assert history(table, model_type="feedforward_nn").json() == []
    assert len(history(table, limit=1).json()) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"model_type": "zed"}, 400),
        ({"decision": "zed"}, 400),
        ({"since": "zed"}, 400),
        ({"limit": 0}, 422),
        ({"limit": 201}, 422),
    ],
)
def test_an_invalid_filter_is_refused(table: Table, query: dict[str, Any], status: int) -> None:
    assert history(table, **query).status_code == status


def test_totals_name_every_family_and_end_with_the_sum(table: Table) -> None:
    report(table)
    report(table, decision="swap_production_b")
    report(table, model_type="multinomial_logistic")
    report(table, created_ts_utc="2020-01-01")
    answer = table.client.get("/internal/promotion/event_totals", headers=OPERATOR)
    rows = {row["model"]: row for row in answer.json()}
    assert tuple(rows) == (*FAMILIES, "ALL")
    assert (rows["xgboost"]["swap_production_b"], rows["xgboost"]["total_events"]) == (1, 2)
    assert (rows["feedforward_nn"]["total_events"], rows["ALL"]["retain_production"]) == (0, 2)
    assert table.client.get("/internal/promotion/event_totals?days=91", headers=OPERATOR).status_code == 422


def test_a_training_that_ended_is_counted_with_its_duration(table: Table) -> None:
    body = {"model_type": " XGBoost ", "status": "Success", "duration_seconds": 42.0, "alias": "B"}
    reply = table.client.post("/internal/training/complete", json=body, headers=OPERATOR).json()
    assert (reply["success"], reply["model_type"], reply["status"], reply["alias"]) == (True, "xgboost", "success", "B")
    text = table.client.get("/metrics").text
    assert 'rps_training_completed_total{model_type="xgboost",status="success"} 1.0' in text
    assert 'rps_training_duration_seconds_bucket{le="60.0",model_type="xgboost"} 1.0' in text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model_type": "feedforward", "status": "success"}, 400),
        ({"model_type": "xgboost", "status": "maybe"}, 400),
        ({"model_type": "xgboost", "status": "success", "duration_seconds": -1}, 422),
        ({"status": "success"}, 422),
    ],
)
def test_an_invalid_training_report_is_refused(table: Table, body: dict[str, Any], status: int) -> None:
    assert table.client.post("/internal/training/complete", json=body, headers=OPERATOR).status_code == status
