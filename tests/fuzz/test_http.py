"""Invalid requests to every route, in path, query, headers and body: no answer is a server error."""

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import strategies as st
from litestar import Litestar

from rps_api.app import create_app
from rps_core.settings import load_settings
from rps_core.store import open_engine
from tests.browser.server import GameServer
from tests.builders.databases import make_empty
from tests.builders.models import TestRegistry
from tests.fuzz.asgi import Answer, Request, Running, running
from tests.fuzz.cases import fuzz
from tests.fuzz.mutations import INTEGERS, JUNK, TEXTS, mutated_bytes, mutated_json
from tests.fuzz.watching import only_inside

TOKEN = "operators-alone"
OPERATOR = (b"authorization", f"Bearer {TOKEN}".encode())
JSON = (b"content-type", b"application/json")
# These start a run in Dagster; without Dagster they answer 501 (not configured) or 503.
WITHOUT_DAGSTER = ("/promote", "/demote")


def configured(folder: Path, **further: Any) -> Litestar:
    TestRegistry.in_folder(folder / "model_cache").fill_all()
    limits = {"starts_per_minute": 0, "plays_per_minute": 0, "sqlite_synchronous": "NORMAL"}
    return create_app(load_settings(data_path=folder, api_token=TOKEN, **limits, **further))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("http")
    (folder / "bait.txt").write_text("bait of the tests")
    return folder


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Running]:
    with running(configured(folder)) as started:
        yield started


@pytest.fixture(scope="module")
def postgres_api(folder: Path, postgres_url: str) -> Iterator[Running]:
    """PostgreSQL refuses texts and numbers that SQLite stores."""
    with running(configured(folder / "postgres", database_url_override=postgres_url)) as started:
        yield started
    engine = open_engine(postgres_url)
    make_empty(engine)
    engine.dispose()


ROUTES = sorted(
    (method, route.path_format)
    for route in create_app(load_settings(data_path="/nonexistent"), refresh_models=False).routes
    for method in sorted(getattr(route, "methods", ()))
)
KNOWN = {
    "model_type": ("xgboost", "xgboost@B"), "model_name": ("xgboost", "rps_bot_xgboost"), "alias": ("B", "shadow1"),
    "policy": ("logan",), "player_name": ("Mira",), "round_no": ("1", "4"), "path": ("main.js",), "game_id": ("game",),
}  # fmt: skip
PARAMETERS = (
    "game_id", "session_id", "limit", "policy", "player_name", "easy_mode", "difficulty_mode", "format", "before",
    "days", "include_sessions", "human_only", "opponent", "model_type", "stage", "reason", "wait_seconds",
    "api_base", "force_reload", "decision", "x",
)  # fmt: skip
BODIES: tuple[Any, ...] = (
    {"player_name": "Mira", "policy": "logan", "session_id": "s", "player_kind": "human", "is_test": False},
    {"game_id": "game", "user_move": "rock", "round": 1, "easy_mode": False},
    {"policy": "logan", "player_history": ["rock"], "bot_history": ["paper"], "result_history": ["win"],
     "round_values": {"rock": 1.0, "paper": 1.0, "scissors": 2.0}, "ab_assignment": "B"},
    [{"policy": "logan", "player_history": ["rock"], "bot_history": ["paper"]}],
    {"player_move": "rock", "context": {"policy": "logan", "player_history": ["rock"], "bot_history": ["paper"]}},
    {"model_type": "xgboost", "decision": "retain_production", "z_statistic": 0.5, "p_value": 0.4, "b_wins": 3,
     "b_total_games": 4, "production_wins": 1, "production_total_games": 3, "created_ts_utc": "2026-11-01T00:00:00Z",
     "alias_rankings": [{"alias": "B", "rank": 1, "accuracy": 0.5, "total_predictions": 4}], "reason": "x"},
    {"model_type": "xgboost", "status": "success", "duration_seconds": 1.5},
)  # fmt: skip
WORDS = st.sampled_from((*TEXTS, *map(str, INTEGERS), "rock", "inf", "1.5", "logan")) | st.text(max_size=20)
HEADERS = st.sampled_from(
    ("Idempotency-Key", "Content-Type", "Accept", "Accept-Encoding", "Authorization", "Origin", "Host", "Range",
     "Expect", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-ID", "Content-Length", "Content-Encoding",
     "Transfer-Encoding", "Cookie", "If-None-Match", "If-Modified-Since", "X-HTTP-Method-Override", "Upgrade",
     "Connection", "Referer")
)  # fmt: skip


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def headers(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    drawn = [JSON] if draw(st.integers(0, 5)) else []
    if draw(st.booleans()):
        drawn.append(OPERATOR)
    for _ in range(draw(st.integers(0, 3))):
        name, value = draw(HEADERS), draw(WORDS.map(encoded) | st.binary(max_size=40))
        drawn += [(name.encode(), value)] * draw(st.sampled_from((1, 1, 1, 2, 50)))
    return drawn


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request to an existing route with a few invalid parts."""
    method, template = draw(st.sampled_from(ROUTES))
    path = template
    for name, values in KNOWN.items():
        value = draw(st.sampled_from(values) | WORDS)
        path = path.replace(f"{{{name}}}", quote(encoded(value), safe=draw(st.sampled_from(("", "/")))))
    pairs = [(draw(st.sampled_from(PARAMETERS)), draw(WORDS)) for _ in range(draw(st.integers(0, 4)))]
    query = "&".join(f"{name}={quote_from_bytes(encoded(value))}" for name, value in pairs).encode()
    if draw(st.integers(0, 9)) == 0:
        query = draw(st.binary(max_size=60))
    if draw(st.integers(0, 9)) == 0:
        method = draw(st.sampled_from(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW")))
    body = b""
    if method != "GET" or draw(st.integers(0, 9)) == 0:
        body = draw(st.sampled_from(BODIES).flatmap(mutated_json) | JUNK.map(as_json) | st.binary(max_size=200))
    return Request(method, quote(path, safe="/%").encode(), query, draw(headers()), body)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def require_no_server_error(request: Request, answer: Answer, log: pytest.LogCaptureFixture) -> None:
    expected = {501, 503} if request.path.endswith(tuple(map(str.encode, WITHOUT_DAGSTER))) else set()
    assert answer.status < 500 or answer.status in expected, (request, answer)
    assert not any(record.exc_info for record in log.records), log.text[-3_000:]
    log.clear()
    assert b"Traceback" not in answer.body
    assert b"bait of the tests" not in answer.body
    assert answer.headers["x-content-type-options"] == "nosniff"
    if request.path.startswith(b"/docs"):
        return
    if answer.status >= 400 and request.method != "HEAD":
        assert answer.headers["content-type"].startswith("application/problem+json"), answer
        problem = json.loads(answer.body)
        assert (problem["status"], bool(problem["detail"])) == (answer.status, True)
        assert len(answer.body) < 60_000


@fuzz(450, request=requests())
def test_no_request_causes_a_server_error(
    request: Request, api: Running, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with only_inside(folder):
        answer = api.ask(request)
    require_no_server_error(request, answer, caplog)


@fuzz(120, request=requests())
def test_no_request_causes_a_server_error_on_postgresql(
    request: Request, postgres_api: Running, caplog: pytest.LogCaptureFixture
) -> None:
    require_no_server_error(request, postgres_api.ask(request), caplog)


@fuzz(60, keys=st.lists(WORDS.map(encoded) | st.binary(max_size=200), max_size=3), round_no=st.none() | JUNK)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_strange_key_plays_at_most_one_round(
    keys: list[bytes], round_no: Any, store: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    asked: Running = request.getfixturevalue("api" if store == "sqlite" else "postgres_api")
    started = asked.ask(Request("POST", b"/start_game", b"", [JSON], b"{}"))
    game_id = json.loads(started.body)["game_id"]
    body = as_json({"game_id": game_id, "user_move": "rock", "round": round_no})
    play = Request("POST", b"/play", b"", [JSON, *((b"idempotency-key", key) for key in keys)], body)
    first, again = asked.ask(play), asked.ask(play)
    for answer in (first, again):
        require_no_server_error(play, answer, caplog)
    rounds = json.loads(asked.ask(Request("GET", f"/games/{game_id}".encode())).body)["rounds"]
    assert [played["round"] for played in rounds] == list(range(1, len(rounds) + 1))
    if first.status == 200 and keys and keys[0].strip():
        assert (again.status, again.body, len(rounds)) == (200, first.body, 1)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_text_that_cannot_be_stored_is_a_client_error(
    store: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    asked: Running = request.getfixturevalue("api" if store == "sqlite" else "postgres_api")
    for sent in (
        Request("GET", b"/round_points", b"game_id=a%00b"),
        Request("GET", b"/games/a%00b"),
        Request("POST", b"/play", b"", [JSON], as_json({"game_id": "a\0b", "user_move": "rock"})),
        Request("POST", b"/start_game", b"", [JSON], as_json({"session_id": "a\0b", "player_name": "a\0b"})),
    ):
        require_no_server_error(sent, asked.ask(sent), caplog)
    assert json.loads(asked.ask(Request("GET", b"/readyz")).body)["reasons"] == []


AWAY = st.sampled_from(
    ("..", "%2e%2e", "..%2f", "%2e%2e%2f", "..%5c", "..;", "....//", "%252e%252e", "%c0%ae%c0%ae", "/", "//", "%00",
     "~", "etc", "passwd", "bait.txt", "main.js", "rps.db", "__init__.py", "assets.py", "static", "C:", "file:", ".git")
)  # fmt: skip


@fuzz(100, parts=st.lists(AWAY, min_size=1, max_size=8), prefix=st.sampled_from(("/static/", "/docs/", "/", "/games/")))
def test_no_path_escapes_the_static_folder(
    parts: list[str], prefix: str, api: Running, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = api.ask(Request("GET", b"/")).body.decode()
    version = page.partition("/static/")[2].partition("/")[0]
    path = f"{prefix}{version}/" if prefix == "/static/" else prefix
    request = Request("GET", (path + "/".join(parts)).encode())
    with only_inside(folder):
        answer = api.ask(request)
    require_no_server_error(request, answer, caplog)
    assert b"import " not in answer.body[:200] or answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"gzip, gzip"])
def test_a_compressed_body_is_never_decompressed(coding: bytes, api: Running) -> None:
    """A compressed kilobyte may expand to a gigabyte, and no client needs compression."""
    bomb = gzip.compress(b'{"player_name": "' + b" " * 50_000_000 + b'"}')
    answer = api.ask(Request("POST", b"/start_game", b"", [JSON, (b"content-encoding", coding)], bomb))
    assert answer.status in {400, 415}


def test_a_deeply_nested_body_is_refused_everywhere(api: Running) -> None:
    for method, path in ROUTES:
        if method == "POST":
            concrete = (
                path.replace("{model_type}", "xgboost").replace("{model_name}", "xgboost").replace("{alias}", "B")
            )
            for body in (b"[" * 200_000, b'{"a":' * 40_000, b'{"x":' + b"9" * 200_000 + b"}"):
                answer = api.ask(Request("POST", concrete.encode(), b"wait_seconds=0", [JSON, OPERATOR], body))
                assert answer.status < 500 or concrete.endswith(WITHOUT_DAGSTER), (concrete, answer)


RAW = (
    b"POST /start_game HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 19\r\n"
    b'Connection: close\r\n\r\n{"policy": "logan"}',
    b"GET /games?limit=3 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    b"POST /play HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    b'Connection: close\r\n\r\n12\r\n{"game_id": "game"\r\n16\r\n, "user_move": "rock"}\r\n0\r\n\r\n',
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """The application under granian, as it runs in production."""
    started = GameServer(tmp_path_factory.mktemp("server"), RPS_SQLITE_SYNCHRONOUS="NORMAL").start()
    yield started
    started.kill()


@pytest.mark.integration
@fuzz(120, sent=st.sampled_from(RAW).flatmap(mutated_bytes))
def test_invalid_http_does_not_stop_the_server(sent: bytes, server: GameServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        # The server may close the connection after the first half.
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := _received(connection):
            answer += chunk
    assert not answer.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5")), answer[:500]


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


@pytest.mark.integration
def test_the_server_still_plays_afterwards(server: GameServer) -> None:
    game = server.post("/start_game", {"policy": "logan"})
    assert server.post("/play", {"game_id": game["game_id"], "user_move": "rock"})["round"] == 1
    log = (server.data_path / "server.log").read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:6000]
