"""Access to all routes: a new endpoint without a guard fails here."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar import Litestar

from rps_api.openapi import openapi_document
from tests.unit.api.edge.conftest import OPERATOR, TOKEN, Table

Serve = Callable[..., Table]
SECRET = "a-token-that-nobody-may-read"
# Players may start and play; every other write needs an operator.
PUBLIC_WRITES = {"startGame", "playRound"}
# Operations that only operators may use, in addition to all below /internal and /debug.
OPERATORS_READS = {"predict", "predictBatch", "predictInContext"}
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


def operations(app: Litestar) -> Iterator[tuple[str, str, str]]:
    """Yield method, path with example parameters and id of every operation."""
    for path, methods in openapi_document(app)["paths"].items():
        for method, operation in methods.items():
            values = {
                "model_type": "xgboost",
                "model_name": "xgboost",
                "alias": "B",
                "policy": "logan",
                "player_name": "Mira",
                "game_id": "no-such-game",
                "round_no": "1",
            }
            yield method.upper(), path.format(**values), operation["operationId"]


def guarded(method: str, path: str, operation_id: str) -> bool:
    if method not in {"GET", "HEAD"}:
        return operation_id not in PUBLIC_WRITES
    return path.startswith(("/internal", "/debug")) or operation_id.removesuffix("Head") in OPERATORS_READS


def call_guarded(table: Table, headers: dict[str, str]) -> dict[str, int]:
    """Return the status of each operation that needs an operator."""
    app = table.client.app
    return {
        operation_id: table.client.request(
            method, path, headers=headers, json={} if method == "POST" else None
        ).status_code
        for method, path, operation_id in operations(app)
        if guarded(method, path, operation_id)
    }


def test_the_openapi_document_agrees_on_the_guarded_operations(serve: Serve) -> None:
    app = serve().client.app
    marked = {
        operation["operationId"]
        for methods in openapi_document(app)["paths"].values()
        for operation in methods.values()
        if "security" in operation
    }
    assert marked == {
        operation_id for method, path, operation_id in operations(app) if guarded(method, path, operation_id)
    }


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no token"),
        pytest.param({"Authorization": "Bearer wrong"}, id="a wrong token"),
        pytest.param({"Authorization": f"Bearer {TOKEN}x"}, id="a longer token"),
        pytest.param({"Authorization": f"Bearer {TOKEN[:-1]}"}, id="a shorter token"),
        pytest.param({"Authorization": f"Basic {TOKEN}"}, id="another scheme"),
        pytest.param({"Authorization": TOKEN}, id="no scheme"),
        pytest.param({"X-Forwarded-For": "127.0.0.1", "Host": "localhost"}, id="pretending to be local"),
    ],
)
def test_if_a_token_is_configured_requests_without_it_get_401(serve: Serve, headers: dict[str, str]) -> None:
    statuses = call_guarded(serve(api_token=TOKEN), headers)
    assert len(statuses) >= 15
    assert {name: status for name, status in statuses.items() if status != 401} == {}


def test_if_a_token_is_configured_local_programs_need_it_too(serve: Serve) -> None:
    table = serve(api_token=TOKEN)
    table.peer.host = "127.0.0.1"
    assert set(call_guarded(table, {"Host": "localhost"}).values()) == {401}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer anything"}, {"Authorization": "Bearer "}])
def test_without_a_configured_token_remote_requests_get_403(serve: Serve, headers: dict[str, str]) -> None:
    assert set(call_guarded(serve(), headers).values()) == {403}


def test_the_token_opens_every_guarded_endpoint(serve: Serve) -> None:
    table = serve(api_token=TOKEN, models=True)
    statuses = call_guarded(table, OPERATOR)
    assert {name: status for name, status in statuses.items() if status in {401, 403, 404, 405, 500}} == {}
    assert statuses["reloadModels"] == statuses["modelState"] == statuses["promotionHistory"] == 200


def test_without_a_configured_token_local_programs_are_operators(serve: Serve) -> None:
    table = serve(models=True)
    table.peer.host = "127.0.0.1"
    statuses = call_guarded(table, {"Host": "127.0.0.1:8080"})
    assert {name: status for name, status in statuses.items() if status in {401, 403}} == {}


def test_public_endpoints_need_no_token(serve: Serve) -> None:
    table = serve(api_token=TOKEN)
    asked = {
        operation_id: table.client.request(method, path, json={} if method == "POST" else None).status_code
        for method, path, operation_id in operations(table.client.app)
        if not guarded(method, path, operation_id)
    }
    assert {name: status for name, status in asked.items() if status in {401, 403, 500}} == {}


def test_a_refused_request_changes_nothing(serve: Serve) -> None:
    table = serve(api_token=TOKEN, models=True)
    before = table.client.get("/models").json()
    call_guarded(table, {})
    assert table.client.get("/models").json() == before
    assert table.client.get("/internal/promotion/history", headers=OPERATOR).json() == []


def test_every_answer_carries_the_security_headers(serve: Serve) -> None:
    table = serve(api_token=TOKEN)
    paths = [path for method, path, _ in operations(table.client.app) if method == "GET"]
    for path in [*paths, "/", "/ui-lite", "/docs", "/docs/nothing", "/openapi.json", "/metrics", "/no/such/path"]:
        headers = table.client.get(path, follow_redirects=False).headers
        for name, value in SECURITY_HEADERS.items():
            assert headers.get(name) == value, f"{path}: {name}"
        assert "default-src" in headers.get("content-security-policy", ""), path
        assert "server" not in headers or "granian" not in headers["server"].lower()


@pytest.mark.parametrize("host", ["a:b", "a b", "a/b", "59:59-23:59", "a:65536", "a:999999", "[::1", "é"])
def test_an_invalid_host_is_refused(serve: Serve, host: str) -> None:
    # The query is invalid too; its refusal would log the URL, so the host must be checked first.
    answer = serve().client.get("/bot_win_rates?easy_mode=2", headers={"host": host.encode()})
    assert (answer.status_code, answer.json()["detail"][:15]) == (400, "the Host header")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["", "a", "A-1.example:", "127.0.0.1:65535", "[::1]:80", "x_y"])
def test_a_valid_host_is_served(serve: Serve, host: str) -> None:
    assert serve().client.get("/healthz", headers={"host": host}).status_code == 200


def test_an_oversized_body_is_refused_before_it_is_read(serve: Serve) -> None:
    table = serve(max_body_bytes=2_000)
    answer = table.client.post("/start_game", json={"player_name": "x" * 3_000})
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert table.client.get("/games").json()["count"] == 0


def test_only_operators_read_session_ids(serve: Serve) -> None:
    table = serve(api_token=TOKEN)
    session = "a-session-of-somebody-else"
    game = table.start(session_id=session)["game_id"]
    finished = False
    while not finished:
        finished = table.play(game)["finished"]
    for path in ("/games", "/export?format=json", "/export?format=csv", f"/games/{game}", f"/recent?game_id={game}",
                 f"/games/{game}/rounds/1/explanation", "/leaderboard", "/win_streaks", "/stats/player/Mira",
                 f"/stats?game_id={game}", "/metrics", "/stats/global"):  # fmt: skip
        assert session not in table.client.get(path).text, path
    for path in ("/games?include_sessions=true", "/export?include_sessions=true"):
        assert table.client.get(path).status_code == 401
        assert session in table.client.get(path, headers=OPERATOR).text


def test_no_log_and_no_answer_contains_the_token(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    table = serve(api_token=SECRET, models=True)
    texts: list[str] = [repr(table.client.app.state.http_settings)]
    for headers in ({"Authorization": f"Bearer {SECRET}"}, {"Authorization": "Bearer wrong"}, {}):
        for method, path, _ in operations(table.client.app):
            body: Any = {"unexpected": 1} if method == "POST" else None
            texts.append(table.client.request(method, path, headers=headers, json=body).text)
    assert not any(SECRET in text for text in [*texts, caplog.text])
