"""The model endpoints: the format of their replies, reloads, unloads and messages to operators."""

import re

import pytest

from rps_api.metrics.process import MAX_TIMED_VERSIONS
from rps_core.game.families import FAMILIES, SLOTS, Slot
from tests.builders.models import expecting
from tests.unit.api.conftest import OPERATOR, Start, Table

PRODUCTION = Slot("xgboost", "Production")


def test_each_slot_shows_its_model_and_training_data(table: Table) -> None:
    families = table.client.get("/models").json()
    assert tuple(families) == FAMILIES
    held = families["xgboost"]["aliases"]["Production"]
    assert (held["version"], held["run_id"]) == ("1", f"{1:032x}")
    assert held["dataset_fingerprint"] == "f" * 64
    assert (held["training_examples"], held["training_games"], held["metrics"]) == (900, 90, {"test_accuracy": 0.6})
    assert (families["xgboost"]["name"], families["xgboost"]["loaded"]) == ("rps_bot_xgboost", True)


def test_the_api_client_reads_the_served_models(table: Table) -> None:
    from rps_core.api_client import parse_served

    served = parse_served(table.client.get("/models").json())
    assert {slot: model.version for slot, model in served.items()} == {
        slot: str(number) for number, slot in enumerate(SLOTS, start=1)
    }


def test_an_empty_slot_is_null_and_the_reason_is_shown(bare_table: Table) -> None:
    bare_table.served.refresh()
    family = bare_table.client.get("/models").json()["xgboost"]
    assert (family["loaded"], family["aliases"]["B"]) == (False, None)
    assert "no index yet" in family["usage"]["last_error"]


def test_a_reload_serves_the_current_cache(table: Table) -> None:
    table.registry.fill_all(first=30)
    reply = table.client.post("/models/reload", headers=OPERATOR).json()
    assert (reply["success"], sorted(reply["reloaded"])) == (True, sorted(map(str, SLOTS)))
    assert (reply["loaded_from"], reply["registry_differences"]) == ("cache", None)
    written_at = reply["cache_written_at"].replace("T", " ")[:19]
    assert reply["message"] == (
        f"12 slots were loaded; from the cache of {written_at} UTC; the registry was not compared, because "
        "MLFLOW_TRACKING_URI is not set here"
    )
    assert table.client.get("/models").json()["xgboost"]["aliases"]["Production"]["version"] == "30"


def test_a_reload_that_fails_in_one_slot_names_it_and_keeps_its_old_model(table: Table) -> None:
    entries = table.registry.fill_all(first=30)
    broken = table.registry.version(PRODUCTION, 99, b"no graph")
    table.registry.synchronise([broken if entry.slot == PRODUCTION else entry for entry in entries])
    answer = table.client.post("/models/reload", headers=OPERATOR)
    reply = answer.json()
    assert (answer.status_code, reply["success"], reply["failed"]) == (200, False, ["xgboost@Production"])
    assert "not an ONNX graph" in reply["errors"]["xgboost@Production"]
    family = table.client.get("/models").json()["xgboost"]
    assert (family["aliases"]["Production"]["version"], family["aliases"]["B"]["version"]) == ("1", "31")
    assert "xgboost@Production" in family["usage"]["details"]


def test_a_reload_of_an_empty_cache_is_not_a_success(bare_table: Table) -> None:
    reply = bare_table.client.post("/models/reload", headers=OPERATOR).json()
    assert (reply["success"], reply["reloaded"]) == (False, [])
    assert "serving/model_cache" in reply["message"]


def test_a_single_slot_can_be_reloaded(table: Table) -> None:
    table.registry.fill_all(first=30)
    reply = table.client.post("/models/reload/xgboost/B", headers=OPERATOR).json()
    assert (reply["success"], reply["info"]["version"]) == (True, "31")
    assert table.client.get("/models").json()["xgboost"]["aliases"]["Production"]["version"] == "1"


def test_reloading_a_slot_without_a_cache_entry_is_not_a_success(table: Table) -> None:
    table.registry.synchronise([table.registry.version(PRODUCTION, 5, expecting(0))])
    reply = table.client.post("/models/reload/xgboost/B", headers=OPERATOR).json()
    assert (reply["success"], reply["info"], reply["message"]) == (False, None, "the cache index has no xgboost@B")


@pytest.mark.parametrize(
    "path", ["/models/reload/feedforward/B", "/models/reload/xgboost/staging", "/models/feedforward/load"]
)
def test_an_unknown_family_or_alias_is_refused_with_the_known_names(table: Table, path: str) -> None:
    answer = table.client.post(path, headers=OPERATOR)
    assert answer.status_code == 400
    assert "known" in answer.json()["detail"]


def test_a_family_is_unloaded_and_loaded_again(table: Table) -> None:
    reply = table.client.delete("/models/xgboost", headers=OPERATOR).json()
    assert len(reply["unloaded"]) == 4
    assert table.client.delete("/models/xgboost", headers=OPERATOR).status_code == 404
    game_id = table.start(policy="forrest")["game_id"]
    assert table.play_rounds(game_id, 4)["model_info"]["probability_source"] == "fallback"
    loaded = table.client.post("/models/xgboost/load", headers=OPERATOR).json()
    assert (loaded["success"], loaded["info"]["aliases"]["B"]) == (True, "2")


def test_one_slot_is_unloaded_by_its_name(table: Table) -> None:
    assert table.client.delete("/models/xgboost@B", headers=OPERATOR).json()["unloaded"] == ["xgboost@B"]
    assert table.client.get("/models").json()["xgboost"]["aliases"]["Production"] is not None


@pytest.mark.parametrize("name", ["nothing", "xgboost@staging", "@B"])
def test_an_unknown_or_empty_slot_cannot_be_unloaded(table: Table, name: str) -> None:
    assert table.client.delete(f"/models/{name}", headers=OPERATOR).status_code == 404


def test_load_reloads_served_models_only_if_forced(table: Table) -> None:
    table.registry.fill_all(first=30)
    assert table.client.post("/models/xgboost/load", headers=OPERATOR).json()["info"]["version"] == "1"
    forced = table.client.post("/models/xgboost/load?force_reload=true", headers=OPERATOR).json()
    assert forced["info"]["version"] == "30"


def test_the_stage_views_show_the_aliases(table: Table) -> None:
    assert table.client.get("/models/stages").json()["model_stages"]["rps_bot_xgboost"] == {
        "v1": "Production",
        "v2": "B",
        "v3": "shadow1",
        "v4": "shadow2",
    }
    production = table.client.get("/models/production").json()["production_models"]
    assert production["rps_bot_feedforward"]["version"] == "5"


def test_games_are_counted_by_playing_alias(open_table: Start) -> None:
    table = open_table(ab_split_ratio=0.0, plays_per_minute=0)
    for kind in ("human", "scripted", "test"):
        table.play_to_the_end(table.start(player_kind=kind)["game_id"])
    reply = table.client.get("/models/ab_test/stats").json()
    assert (reply["total_requests"], reply["model_a_requests"], reply["model_b_requests"]) == (2, 0, 2)
    assert reply["model_b_wins"] <= 2
    assert reply["per_model_split_ratios"] == dict.fromkeys(FAMILIES, 0.0)


@pytest.mark.parametrize("path", ["/models/rps_bot_xgboost/promote", "/models/xgboost/demote"])
def test_aliases_cannot_be_moved_without_dagster(table: Table, path: str) -> None:
    answer = table.client.post(path, headers=OPERATOR)
    assert answer.status_code == 501
    assert "RPS_DAGSTER_URL" in answer.json()["detail"]


def test_the_debug_state_lists_replaced_models_and_failures(table: Table) -> None:
    entries = table.registry.fill_all(first=30)
    broken = table.registry.version(PRODUCTION, 99, b"no graph")
    table.registry.synchronise([broken if entry.slot == PRODUCTION else entry for entry in entries])
    table.served.refresh()
    state = table.client.get("/debug/model_state", headers=OPERATOR).json()
    assert len(state["replaced_models"]) == 11
    assert state["failures"]["xgboost@Production"]["attempts"] == 1
    assert "xgboost@B v31" in state["loaded_models"]


def test_only_the_latest_versions_keep_a_load_time_series(table: Table) -> None:
    """Every retraining adds twelve versions; without a limit their series would accumulate."""
    for number in range(1, 8):
        table.registry.fill_all(first=100 * number)
        table.served.refresh()
    page = table.client.get("/metrics").text
    timed = re.findall(r'rps_model_load_seconds_count{model="(\w+)",version="(\d+)"}', page)
    assert len(timed) == MAX_TIMED_VERSIONS
    assert {int(version) // 100 for _, version in timed} == {4, 5, 6, 7}
