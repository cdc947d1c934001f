"""Errors have one shape and reveal no internals; every answer has security headers and is measured."""

import logging
import re

import pytest
from sqlalchemy.exc import OperationalError

from rps_core.store import GameStore
from rps_core.store.prepared import PreparedWrite
from tests.unit.api.conftest import Start, Table

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{not json", 400, "malformed"),
        (b"\xff\xfe", 400, ""),
        (b'{"game_id": "\xff"}', 400, "UTF-8"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b"", 422, "the body is missing"),
        (b"[]", 422, "object"),
        (b"null", 422, "object"),
        (b'{"game_id": 5, "user_move": "rock"}', 422, "game_id"),
    ],
    ids=["broken", "not text", "not utf-8", "deep", "empty", "array", "null", "wrong type"],
)
def test_an_unreadable_body_is_a_client_error(table: Table, body: bytes, status: int, word: str) -> None:
    answer = table.client.post("/play", content=body, headers=JSON)
    assert answer.status_code == status
    assert word in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/play", 405),
        ("POST", "/play", 422),
        ("GET", "/games/nobody", 404),
        ("GET", "/round_points", 422),
        ("POST", "/models/reload", 401),
    ],
)
def test_every_problem_has_the_same_shape(table: Table, method: str, path: str, status: int) -> None:
    answer = table.client.request(method, path)
    problem = answer.json()
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (answer.status_code, problem["status"]) == (status, status)
    assert {"type", "title", "detail", "instance"} <= set(problem)
    assert isinstance(problem["detail"], str)
    assert problem["instance"] == path


def test_an_unexpected_error_is_logged_and_its_answer_reveals_nothing(
    table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(GameStore, "load_game", broken)
    with caplog.at_level(logging.ERROR):
        answer = table.try_play("any")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "the secret inside" in caplog.text


def test_a_failing_store_answers_503_without_its_sql(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise OperationalError("UPDATE games SET …", {}, Exception("database is locked"))

    game = table.start()["game_id"]
    monkeypatch.setattr(PreparedWrite, "execute", locked)
    answer = table.try_play(game)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "UPDATE" not in answer.text


def test_an_oversized_body_is_refused(open_table: Start) -> None:
    table = open_table(max_body_bytes=2048)
    answer = table.client.post("/start_game", content=b'{"player_name": "' + b"x" * 4096 + b'"}', headers=JSON)
    assert answer.status_code == 413
    assert table.client.post("/start_game", json={}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/metrics", "/openapi.json"])
def test_every_answer_has_security_headers(table: Table, path: str) -> None:
    headers = table.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]


def test_the_page_keeps_its_own_content_policy(table: Table) -> None:
    policies = table.client.get("/").headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "default-src 'self'" in policies[0]


def test_without_configured_origins_other_sites_may_not_call(table: Table) -> None:
    answer = table.client.get("/healthz", headers={"Origin": "https://play.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_only_configured_origins_may_call(open_table: Start) -> None:
    table = open_table(cors_origins=("https://play.example",))
    allowed = table.client.get("/healthz", headers={"Origin": "https://play.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://play.example"
    other = table.client.get("/healthz", headers={"Origin": "https://evil.example"})
    assert other.headers.get("access-control-allow-origin") != "https://evil.example"


def test_an_origin_may_be_configured_as_people_copy_it(open_table: Start) -> None:
    table = open_table(cors_origins="HTTPS://Play.example:443/")
    allowed = table.client.get("/healthz", headers={"Origin": "https://play.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://play.example"


def test_requests_are_counted_by_route_template(table: Table) -> None:
    for game_id in ("one", "two"):
        table.client.get(f"/games/{game_id}")
    table.client.get("/nowhere/at/all")
    table.client.get("/healthz")
    text = table.client.get("/metrics").text
    assert 'http_requests_total{handler="/games/{game_id}",method="GET",status="4xx"} 2.0' in text
    assert 'http_requests_total{handler="unmatched",method="GET",status="4xx"} 1.0' in text
    assert 'http_request_duration_seconds_count{handler="/healthz",method="GET"} 1.0' in text
    assert "/nowhere" not in text
    assert 'handler="/metrics"' not in text


def test_an_unknown_method_adds_no_series(table: Table) -> None:
    table.client.request("BREW", "/healthz")
    text = table.client.get("/metrics").text
    assert "BREW" not in text


def test_metrics_show_loaded_models_and_count_failed_loads(table: Table) -> None:
    text = table.client.get("/metrics").text
    assert 'rps_model_loaded_info{alias="B",model="xgboost",stage="B",version="2"} 1.0' in text
    assert 'rps_model_load_failures_total{model="xgboost"} 0.0' in text
    assert len(re.findall(r"^rps_model_loaded_info\{", text, re.MULTILINE)) == 12
    entry = table.registry.version(next(iter(table.served.snapshot.slots)), 99, b"no graph")
    table.registry.synchronise([entry])
    table.served.refresh()
    text = table.client.get("/metrics").text
    assert 'rps_model_load_failures_total{model="xgboost"} 1.0' in text
    assert "rps_ab_split_ratio 1.0" in text


def test_two_applications_in_one_process_count_separately(open_table: Start) -> None:
    first, second = open_table(), open_table()
    first.client.get("/healthz")
    assert 'handler="/healthz"' not in second.client.get("/metrics").text


def test_the_documentation_has_the_original_addresses(table: Table) -> None:
    document = table.client.get("/openapi.json").json()
    assert (document["info"]["title"], document["info"]["version"]) == ("RPS Quest MLOps Platform", "2.0.0")
    assert {"/start_game", "/play", "/games/{game_id}", "/models/reload"} <= set(document["paths"])
    assert table.client.get("/docs").status_code == 200
    assert table.client.get("/redoc").status_code == 200


def test_liveness_does_not_depend_on_the_store(bare_table: Table) -> None:
    assert bare_table.client.get("/healthz").json() == {"ok": True}


def test_readiness_depends_on_the_store_and_lists_missing_models(bare_table: Table) -> None:
    bare_table.served.refresh()
    answer = bare_table.client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"], answer.json()["reasons"]) == (200, True, [])
    assert any("12 of 12 slots" in sentence for sentence in answer.json()["degraded"])


def test_with_all_models_the_service_is_healthy(table: Table) -> None:
    assert table.client.get("/readyz").json()["degraded"] == []
    detailed = table.client.get("/health/detailed").json()
    assert detailed["status"] == "healthy"
    assert len(detailed["components"]["model_manager"]["loaded_models"]) == 12


def test_a_lost_store_makes_the_service_unready_with_a_reason(table: Table) -> None:
    with table.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE games RENAME TO lost")
    ready, detailed = table.client.get("/readyz"), table.client.get("/health/detailed")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert "gameplay store" in ready.json()["reasons"][0]
    assert (detailed.status_code, detailed.json()["components"]["database"]["status"]) == (503, "unhealthy")
    assert table.client.get("/healthz").status_code == 200


def test_the_version_lists_the_features(table: Table) -> None:
    version = table.client.get("/version").json()
    assert (version["api_version"], version["features"]["feature_count"]) == ("2.0", 75)
    assert version["features"]["policies"] == ["brian", "forrest", "logan"]
