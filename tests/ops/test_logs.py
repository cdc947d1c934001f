"""Log lines: the ids they carry, and what they never contain."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy.exc import OperationalError

from rps_api.app import create_app
from rps_api.logs import note, request_ids
from rps_api.logs.formatters import MASK, configured_formatter, json_formatter, secrets_of, text_formatter
from rps_cli.up.programs import API_LOGGING, api_command
from rps_core.settings import load_settings
from rps_core.store import GameStore
from tests.builders.models import TestRegistry

TOKEN = "a-token-that-must-stay-secret"
SESSION = "session-that-must-stay-secret"
MOVES = ("rock", "paper", "scissors")


class Table:
    """A running application and its log."""

    def __init__(self, client: TestClient[Litestar], written: StringIO) -> None:
        self.client = client
        self._written = written

    @property
    def text(self) -> str:
        return self._written.getvalue()

    def lines(self, route: str | None = None) -> list[dict[str, Any]]:
        """Parsed log lines of one route, or all of them."""
        found = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in found if route is None or line.get("route") == route]

    def start(self) -> str:
        reply = self.client.post("/start_game", json={"policy": "forrest", "session_id": SESSION, "user_name": "Mira"})
        return str(reply.raise_for_status().json()["game_id"])

    def play(self, game_id: str, **headers: str) -> Any:
        return self.client.post("/play", json={"game_id": game_id, "user_move": "rock"}, headers=headers)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    TestRegistry.in_folder(tmp_path / "model_cache").fill_all()
    settings = load_settings(data_path=tmp_path, api_token=TOKEN, sqlite_synchronous="NORMAL", starts_per_minute=0)
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(json_formatter(secrets_of(settings)))
    logger = logging.getLogger("rps_api")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with TestClient(create_app(settings, random=Random(7))) as client:
            yield Table(client, written)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def test_each_request_logs_one_line_with_its_route_status_duration_and_game(table: Table) -> None:
    game_id = table.start()
    table.client.get(f"/games/{game_id}")
    table.client.get("/round_points", params={"game_id": game_id})
    for route, method in (("/start_game", "POST"), ("/games/{game_id}", "GET"), ("/round_points", "GET")):
        (line,) = table.lines(route)
        assert (line["method"], line["status"], line["game_id"], line["level"]) == (method, 200, game_id, "info")
        assert line["duration_ms"] > 0
        assert "model_version" not in line


def test_the_line_of_a_round_names_the_model_that_chose_the_move(table: Table) -> None:
    game_id = table.start()
    for _ in range(4):
        table.play(game_id)
    opening, chosen = table.lines("/play")[0], table.lines("/play")[3]
    assert "model_version" not in opening
    served = table.client.get(f"/games/{game_id}/rounds/4/explanation").json()
    assert (chosen["model_version"], chosen["run_id"]) == (served["model"]["version"], served["model"]["run_id"])
    assert {line["game_id"] for line in table.lines("/play")} == {game_id}


def test_the_line_of_a_conflict_names_the_game(table: Table) -> None:
    game_id = table.start()
    table.client.post("/play", json={"game_id": game_id, "user_move": "rock", "round": 7})
    (line,) = table.lines("/play")
    assert (line["status"], line["game_id"]) == (409, game_id)


def test_every_response_has_the_request_id_of_its_log_lines(table: Table) -> None:
    first, second = table.client.get("/policies"), table.client.get("/policies")
    ids = [response.headers["x-request-id"] for response in (first, second)]
    assert len(set(ids)) == 2
    assert [line["request_id"] for line in table.lines("/policies")] == ids


def test_a_valid_request_id_from_the_client_is_kept(table: Table) -> None:
    response = table.client.get("/policies", headers={"X-Request-ID": "trace-7f.3"})
    assert response.headers["x-request-id"] == "trace-7f.3"
    assert table.lines("/policies")[0]["request_id"] == "trace-7f.3"


@pytest.mark.parametrize("sent", ['a" level="x', "a b", "x" * 129, "", "ä", "a\tb"])
def test_an_invalid_request_id_is_replaced(table: Table, sent: str) -> None:
    response = table.client.get("/policies", headers={"X-Request-ID": sent.encode()})
    assert response.headers["x-request-id"] != sent
    assert len(response.headers["x-request-id"]) == 16


def test_all_lines_of_a_request_carry_its_ids(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise OperationalError("SELECT …", {}, Exception("database is locked"))

    game_id = table.start()
    monkeypatch.setattr(GameStore, "load_game", locked)
    response = table.client.get(f"/games/{game_id}")
    problem, access = table.lines()[-2:]
    assert (problem["level"], access["level"], access["status"]) == ("error", "warning", 503)
    assert problem["request_id"] == access["request_id"] == response.headers["x-request-id"]
    assert "database is locked" in problem["message"]


def test_successful_probes_are_not_logged(table: Table) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert table.client.get(path).status_code == 200
    assert table.lines("/healthz") == table.lines("/readyz") == table.lines("/metrics") == []


def test_an_unknown_path_is_logged_without_the_path_itself(table: Table) -> None:
    table.client.get("/nowhere/with-something-private?token=secret")
    (line,) = table.lines("unmatched")
    assert line["status"] == 404
    assert "private" not in table.text


def test_no_line_contains_a_token_a_session_or_a_name(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    game_id = table.start()
    operator = {"Authorization": f"Bearer {TOKEN}"}
    for _ in range(5):
        table.play(game_id, **operator)
    table.client.get("/internal/promotion/history", headers=operator)
    table.client.get("/stats", params={"user_name": "Mira", "session_id": SESSION})
    # The log shows the error of a failed statement, never its parameters.
    engine = table.client.app.dependencies["engine"].dependency()  # type: ignore[union-attr, operator]
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE games RENAME TO games_gone")
    response = table.client.post("/start_game", json={"session_id": SESSION, "user_name": "Mira"})
    assert response.status_code == 503
    assert "no such table" in table.text
    for private in (TOKEN, SESSION, "Mira", "Bearer"):
        assert private not in table.text


def test_secrets_in_error_messages_are_masked() -> None:
    settings = load_settings(
        database_url_override="postgresql+psycopg://rps:hunter2hunter2@db/rps",
        mlflow_tracking_uri_override="http://rps:half%2Fhalf@mlflow:5000",
        minio_endpoint="http://minio:9000",
        minio_access_key="access-key",
        minio_secret_key="secret-of-minio",
        cache_url_override="ftp://rps:secret-of-ftp@host/cache",
    )
    secrets = secrets_of(settings)
    written = {"hunter2hunter2", "access-key", "secret-of-minio", "half/half", "half%2Fhalf", "secret-of-ftp"}
    assert set(secrets) == written
    line_record = record("cannot reach %s", "postgresql://rps:hunter2hunter2@db with secret-of-minio")
    for formatter in (json_formatter(secrets), text_formatter(secrets)):
        line = formatter.format(line_record)
        assert "hunter2" not in line and "secret-of-minio" not in line  # noqa: PT018 - one statement about a line
        assert line.count(MASK) == 2


def test_a_message_cannot_forge_a_second_line() -> None:
    line_record = record("GET %s failed", "/x\n2026-01-01T00:00:00Z INFO forged")
    assert "\n" not in text_formatter().format(line_record)
    assert "\n" not in json_formatter().format(line_record)
    assert json.loads(json_formatter().format(line_record))["message"].endswith("forged failed")


def test_a_traceback_is_part_of_the_line() -> None:
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError as error:
        line_record = record("failed", error=error)
    line = json.loads(json_formatter().format(line_record))
    assert "ZeroDivisionError: by nothing" in line["exception"]
    assert text_formatter().format(line_record).endswith("ZeroDivisionError: by nothing")


@pytest.mark.parametrize(("setting", "first"), [("json", "{"), ("text", "20"), ("auto", "{")])
def test_the_setting_selects_the_format(monkeypatch: pytest.MonkeyPatch, setting: str, first: str) -> None:
    monkeypatch.setenv("RPS_LOG_FORMAT", setting)
    assert configured_formatter().format(record("hello")).startswith(first)


def test_text_is_the_default_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    assert configured_formatter().format(record("hello")).endswith(" ERROR   rps_api.test: hello")


def test_outside_a_request_there_are_no_ids_and_note_does_nothing() -> None:
    note(game_id="anything")
    assert request_ids() == {}


def test_the_server_is_started_with_our_log_configuration() -> None:
    command = api_command(load_settings().services)
    assert command[command.index("--log-config") + 1] == str(API_LOGGING)
    assert json.loads(API_LOGGING.read_text())["version"] == 1


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    caught = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("rps_api.test", logging.ERROR, __file__, 1, message, arguments, caught)
