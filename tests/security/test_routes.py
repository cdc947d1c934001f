"""Every route of the application belongs to exactly one access class; a new route without a class fails here."""

from collections.abc import Iterator

import pytest
from litestar import Litestar

from rps_api.app import create_app
from rps_core.settings import load_settings
from tests.security.conftest import OPERATOR, TOKEN, Table

Route = tuple[str, str]

# Reads that reveal no more than the pages show.
PUBLIC_READS: frozenset[Route] = frozenset(
    ("GET", path)
    for path in (
        "/", "/ui-lite", "/ui-lite-debug", "/observatory", "/observatory/state", "/static/{version}/{path}",
        "/favicon.ico", "/docs", "/docs/{path}", "/docs/openapi.json", "/openapi.json", "/redoc", "/version",
        "/metrics",
        "/healthz", "/readyz", "/health/detailed", "/health/metrics", "/policies", "/predict/policies",
        "/predict/features/example", "/models", "/models/stages", "/models/production", "/models/ab_test/stats",
        "/leaderboard", "/games", "/export", "/stats", "/stats/global", "/stats/player/{player_name}",
        "/stats/policy/{policy}", "/bot_win_rates", "/win_streaks",
    )
)  # fmt: skip
# Clients that know the id of a game may read and play it.
BY_GAME_ID: frozenset[Route] = frozenset(
    {("GET", "/games/{game_id}"), ("GET", "/games/{game_id}/rounds/{round_no}/explanation"), ("GET", "/recent")}
    | {("GET", "/round_points"), ("POST", "/play")}
)
STARTS: frozenset[Route] = frozenset({("POST", "/start_game")})
# A prediction before the move reveals the bot's move.
PREDICTIONS: frozenset[Route] = frozenset(("POST", path) for path in ("/predict", "/predict/batch", "/predict/context"))
OPERATORS: frozenset[Route] = frozenset(
    {
        ("GET", "/debug/counters"), ("GET", "/debug/model_state"),
        ("GET", "/internal/promotion/history"), ("GET", "/internal/promotion/event_totals"),
        ("POST", "/internal/promotion/report"), ("POST", "/internal/training/complete"),
        ("POST", "/models/reload"), ("POST", "/models/reload/{model_type}/{alias}"),
        ("POST", "/models/{model_type}/load"), ("POST", "/models/{model_name}/promote"),
        ("POST", "/models/{model_name}/demote"), ("DELETE", "/models/{model_type}"),
    }
)  # fmt: skip
TABLES = {
    "public reads": PUBLIC_READS,
    "by the id of a game": BY_GAME_ID,
    "starts": STARTS,
    "predictions": PREDICTIONS,
    "operators": OPERATORS,
}
GUARDED = sorted(PREDICTIONS | OPERATORS)
OPEN = sorted(PUBLIC_READS | BY_GAME_ID | STARTS)
VALUES = {
    "{model_type}": "xgboost", "{model_name}": "xgboost", "{alias}": "B", "{game_id}": "no-such-game",
    "{round_no}": "1", "{player_name}": "Mira", "{policy}": "logan", "{path}": "nothing.js",
}  # fmt: skip
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}
WRONG: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Bearer {TOKEN.upper()}"},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": TOKEN},
    {"Authorization": f"Bearer wrong, Bearer {TOKEN}"},
    {"X-Api-Key": TOKEN},
    {"Cookie": f"Authorization=Bearer {TOKEN}"},
    {"X-Forwarded-For": "127.0.0.1", "Host": "localhost"},
    {"X-HTTP-Method-Override": "GET"},
)


def routes(app: Litestar) -> Iterator[Route]:
    """Yield method and path of every route; the version in the path of static files becomes a placeholder."""
    for route in app.routes:
        for method in getattr(route, "methods", ()):
            if method not in {"HEAD", "OPTIONS"}:
                parts = route.path_format.split("/")
                if parts[1] == "static":
                    parts[2] = "{version}"
                yield method, "/".join(parts)


def address(path: str) -> str:
    """Fill the placeholders of a path with example values."""
    for place, value in VALUES.items():
        path = path.replace(place, value)
    return path


def test_every_route_is_in_exactly_one_table() -> None:
    app = create_app(load_settings(data_path="/nonexistent"), refresh_models=False)
    found = set(routes(app))
    assert len(found) > 50
    assert found == frozenset().union(*TABLES.values())
    assert sum(map(len, TABLES.values())) == len(found), "a route is in two tables"


@pytest.mark.parametrize(("method", "path"), GUARDED, ids=" ".join)
def test_a_guarded_route_refuses_requests_without_the_token(table: Table, method: str, path: str) -> None:
    for headers in WRONG:
        answer = table.client.request(method, address(path), headers=headers, json={} if method == "POST" else None)
        assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, "Bearer"), headers
        assert set(answer.json()) == {"type", "title", "status", "detail", "instance"}


@pytest.mark.parametrize(("method", "path"), GUARDED, ids=" ".join)
def test_a_guarded_route_accepts_the_token(table: Table, method: str, path: str) -> None:
    body = {} if method == "POST" else None
    answer = table.client.request(
        method, address(path), headers=OPERATOR, json=body, params={"wait_seconds": 0, "reason": "a test"}
    )
    assert answer.status_code not in {401, 403, 404, 405, 500}, answer.text


@pytest.mark.parametrize(("method", "path"), GUARDED, ids=" ".join)
def test_without_a_configured_token_only_local_programs_have_access(tokenless: Table, method: str, path: str) -> None:
    body = {} if method == "POST" else None
    tokenless.peer.host = "203.0.113.5"
    for headers in ({"Host": "127.0.0.1"}, {"Host": "127.0.0.1", "Authorization": "Bearer "}, {"Host": "localhost"}):
        assert tokenless.client.request(method, address(path), headers=headers, json=body).status_code == 403
    tokenless.peer.host = "127.0.0.1"
    # Pages of other sites in the operator's browser, a rebound host name, and proxies.
    for headers in (
        {"Host": "127.0.0.1", "Origin": "https://evil.example"},
        {"Host": "127.0.0.1", "Sec-Fetch-Site": "cross-site"},
        {"Host": "127.0.0.1", "Sec-Fetch-Site": "same-site"},
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "127.0.0.1", "X-Forwarded-For": "127.0.0.1"},
        {"Host": "127.0.0.1", "Via": "1.1 somewhere"},
    ):
        assert tokenless.client.request(method, address(path), headers=headers, json=body).status_code == 403, headers
    answer = tokenless.client.request(
        method, address(path), headers={"Host": "127.0.0.1"}, json=body, params={"wait_seconds": 0, "reason": "a test"}
    )
    assert answer.status_code not in {401, 403, 404, 405, 500}, answer.text


def test_an_open_route_needs_no_token(table: Table) -> None:
    for method, path in OPEN:
        answer = table.client.request(
            method, address(path), json={} if method == "POST" else None, follow_redirects=False
        )
        assert answer.status_code not in {401, 403, 405, 500}, path


def test_every_get_answers_head_with_the_same_status_and_headers(table: Table) -> None:
    """Monitors and caches ask with HEAD."""
    changing = {"x-request-id", "date", "content-length"}
    for method, path in sorted(set(OPEN + GUARDED)):
        got, headed = (
            table.client.request(asked, address(path), headers=OPERATOR, follow_redirects=False)
            for asked in ("GET", "HEAD")
        )
        if method != "GET":
            assert got.status_code == headed.status_code == 405, path
            continue
        assert (headed.status_code, headed.content) == (got.status_code, b""), path
        assert headed.headers.keys() == got.headers.keys(), path
        assert {got.headers[name] == headed.headers[name] for name in got.headers.keys() - changing} <= {True}, path


def test_every_route_answers_with_security_headers(table: Table) -> None:
    for headers in ({}, OPERATOR):
        for method, path in sorted(set(OPEN + GUARDED)):
            answer = table.client.request(
                method, address(path), headers=headers, params={"wait_seconds": 0}, follow_redirects=False
            )
            assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS, path
            # Pages send a referrer to their own origin, which checks of the request's origin need.
            assert answer.headers.get("referrer-policy") in {"no-referrer", "same-origin"}, path
            assert "default-src" in answer.headers.get("content-security-policy", ""), path
            assert "set-cookie" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers
