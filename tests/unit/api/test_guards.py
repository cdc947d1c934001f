"""Access to the operator endpoints."""

import pytest

from rps_api.app import create_app
from tests.builders.peers import STRANGER, requested_from
from tests.unit.api.conftest import OPERATOR, Start, Table

GUARDED = [
    ("POST", "/models/reload"),
    ("POST", "/models/reload/xgboost/B"),
    ("POST", "/models/xgboost/load"),
    ("DELETE", "/models/xgboost"),
    ("POST", "/models/xgboost/promote"),
    ("POST", "/models/xgboost/demote"),
    ("GET", "/debug/counters"),
    ("GET", "/debug/model_state"),
    ("POST", "/internal/training/complete"),
    ("POST", "/internal/promotion/report"),
    ("GET", "/internal/promotion/history"),
    ("GET", "/internal/promotion/event_totals"),
    ("POST", "/predict"),
    ("POST", "/predict/batch"),
    ("POST", "/predict/context"),
]


@pytest.fixture
def tokenless(open_table: Start) -> Table:
    table = open_table(api_token=None)
    requested_from(table.client.app, "127.0.0.1")  # type: ignore[arg-type]
    return table


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer wrong", "Bearer ", "Basic operators-alone", "operators-alone", "Bearer operators-alonë"],
)
def test_guarded_endpoints_refuse_requests_without_the_token(bare_table: Table, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    for method, path in GUARDED:
        answer = bare_table.client.request(method, path, headers=headers)
        assert (path, answer.status_code, answer.headers["www-authenticate"]) == (path, 401, "Bearer")
        assert "RPS_API_TOKEN" in answer.json()["detail"]


def test_guarded_endpoints_accept_the_token(bare_table: Table) -> None:
    for method, path in GUARDED:
        answer = bare_table.client.request(method, path, headers=OPERATOR)
        assert answer.status_code not in {401, 403, 405, 500}, path


def test_the_list_of_guarded_endpoints_is_complete(bare_table: Table) -> None:
    """A new endpoint under these prefixes must be guarded and added to the list."""
    app = bare_table.client.app
    found = {
        (method, route.path_format)
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method not in {"HEAD", "OPTIONS"}
        and (
            route.path_format.startswith(("/internal", "/debug"))
            or (route.path_format.startswith("/models") and method != "GET")
        )
    }
    concrete = {
        (method, path.replace("{alias}", "B").replace("{model_type}", "xgboost").replace("{model_name}", "xgboost"))
        for method, path in found
    }
    assert len(concrete) > 10
    assert concrete <= set(GUARDED)


def test_without_a_configured_token_local_programs_have_access(tokenless: Table) -> None:
    answer = tokenless.client.get("/debug/model_state", headers={"Host": "127.0.0.1:8080"})
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["localhost:8080", "[::1]:8080", "127.0.0.1"])
def test_local_host_names_have_access(tokenless: Table, name: str) -> None:
    assert tokenless.client.get("/debug/model_state", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "rebound.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_proxies_and_web_pages_do_not_count_as_local(tokenless: Table, headers: dict[str, str]) -> None:
    answer = tokenless.client.post("/models/reload", headers={"Host": "127.0.0.1"} | headers)
    assert (answer.status_code, "RPS_API_TOKEN" in answer.json()["detail"]) == (403, True)


def test_without_a_configured_token_other_machines_are_refused(open_table: Start) -> None:
    table = open_table(api_token=None)
    requested_from(table.client.app, STRANGER)  # type: ignore[arg-type]
    assert table.client.get("/internal/promotion/history", headers={"Host": "127.0.0.1"}).status_code == 403
    assert table.client.get("/policies").status_code == 200


def test_the_factory_can_be_called_without_arguments() -> None:
    assert create_app().routes
