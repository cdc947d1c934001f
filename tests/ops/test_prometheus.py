"""A real Prometheus scrapes a running API, evaluates every rule, and answers every query of the dashboards.

The same API also writes the log that is tested here.
"""

import json
import re
from typing import NamedTuple

import httpx
import pytest

from rps_core.game.families import Alias
from tests.builders.ports import free_port
from tests.ops.conftest import Observed
from tests.ops.promql import ledger_targets, panel_expressions, rule_expressions, rules, series_named

pytestmark = pytest.mark.integration
# Series that Prometheus itself creates.
OWN = {"up", "ALERTS"}
# Panels without data after a minute of play without errors.
MAY_BE_EMPTY = {
    "overview.json: Active alerts",
    "api.json: Failing requests",
    "data.json: Data drift",
    "data.json: Live accuracy minus hold-out, 12 h",
}
# Exposed only after the assets have written a drift report.
NOT_SCRAPED_YET = {"rps_data_drift_score", "rps_data_drift_limit"}


@pytest.fixture(scope="module")
def exposed(observed: Observed) -> set[str]:
    """Return the names of all series of a scrape."""
    text = httpx.get(observed.api.url + "/metrics", timeout=10).text
    declared = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    return declared | set(re.findall(r"^(\w+)[ {]", text, re.MULTILINE))


def test_every_series_in_rules_and_dashboards_is_exposed_or_recorded(exposed: set[str]) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for query in (*rule_expressions(), *panel_expressions()):
        names = series_named(query.expr)
        # Two panels also have constants.
        assert names or query.expr.startswith("vector("), query
        assert names <= exposed | recorded | OWN, query
        assert not (names & NOT_SCRAPED_YET) or query.where in {"RpsDataDrift", "data.json: Data drift"}


def test_prometheus_evaluates_every_rule_without_an_error(observed: Observed) -> None:
    found = [rule for group in observed.get("/api/v1/rules")["groups"] for rule in group["rules"]]
    assert len(found) == len(rules())
    assert {rule["name"]: rule.get("lastError") for rule in found if rule["health"] == "err"} == {}


def test_prometheus_answers_every_panel(observed: Observed) -> None:
    results = {query: observed.query(query.expr) for query in panel_expressions()}
    assert len(results) > 40
    assert {query.where for query, result in results.items() if not result} <= MAY_BE_EMPTY


def test_prometheus_records_the_games_that_were_played(observed: Observed) -> None:
    (games,) = observed.query("sum(rps:games:total)")
    assert float(games["value"][1]) == 6
    slots = observed.query("rps:predictions_by_alias:total")
    assert len(slots) == 12
    assert all(float(slot["value"][1]) > 0 for slot in slots)
    assert len(observed.query("rps:holdout_accuracy:max == 0.6")) == 12


def test_a_healthy_system_raises_only_the_expected_alerts(observed: Observed) -> None:
    pending = {alert["labels"]["alertname"] for alert in observed.get("/api/v1/alerts")["alerts"]}
    # The models of the tests are weeks old, and one training was reported as failed.
    expected = {"RpsTrainingFailed", "RpsPromotionNotReady", "RpsModelsStale", "RpsPromotionStopped"}
    # An alert that waits for an hour without play is pending from the first second.
    assert pending <= expected | {"RpsPlayStopped"}


def test_the_rows_for_the_ledger_panels_have_all_columns(observed: Observed) -> None:
    found = list(ledger_targets())
    assert found
    for title, target in found:
        rows = observed.api.get(target["url"])
        assert rows, title
        for column in target["columns"]:
            assert column["selector"] in rows[0], f"{title}: {column['selector']}"
            if column["type"] == "number":
                assert all(isinstance(row[column["selector"]], int | float | None) for row in rows), title


def test_every_line_of_the_log_is_json_and_each_request_has_one(observed: Observed) -> None:
    lines = [json.loads(line) for line in (observed.api.data_path / "server.log").read_text().splitlines()]
    assert {"_granian", "rps_api.logs.access"} <= {line["logger"] for line in lines}
    rounds = [line for line in lines if line.get("route") == "/play"]
    assert len({line["request_id"] for line in rounds}) == len(rounds) > 40
    assert len({line["game_id"] for line in rounds}) == 6
    assert {line["model_version"] for line in rounds if "model_version" in line}


def test_trainings_are_counted_in_the_series_that_the_alert_uses(observed: Observed) -> None:
    from rps_assets.assets.models import report_trainings
    from rps_core.api_client import ApiClient

    warnings: list[str] = []
    fitted, reused = Fitted("B", fitted=True), Fitted("shadow1", fitted=False)
    report_trainings(ApiClient(observed.api.url), "feedforward_nn", [fitted, reused], ["shadow2"], warnings.append)
    assert warnings == []
    text = httpx.get(observed.api.url + "/metrics", timeout=10).text
    for status in ("success", "failure"):
        assert f'rps_training_completed_total{{model_type="feedforward_nn",status="{status}"}} 1.0' in text
    assert 'rps_training_duration_seconds_sum{model_type="feedforward_nn"} 41.5' in text
    # A run must not fail if the API cannot count it.
    report_trainings(ApiClient(f"http://127.0.0.1:{free_port()}"), "xgboost", [fitted], ["B"], warnings.append)
    assert len(warnings) == 1
    assert "got no answer" in warnings[0]


class Fitted(NamedTuple):
    """Stand-in for the outcome of a slot, whose real class imports all training libraries."""

    alias: Alias
    fitted: bool
    duration_seconds: float = 41.5
