"""With every secret set and every error provoked, no output contains a secret."""

import base64
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import dagster as dg
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from rps_api.app import create_app
from rps_api.games.explanation import links_of
from rps_api.logs.formatters import json_formatter, secrets_of
from rps_api.ui.page import Pages
from rps_assets.metadata import links
from rps_cli.app import app as command_line
from rps_cli.up.display import PlainDisplay
from rps_cli.up.layout import plan_layout
from rps_cli.up.programs import child_environment, plan_programs, render_supervisord
from rps_cli.up.record import write_record
from rps_cli.up.session import Session
from rps_core.api_client import ApiClient, ApiError
from rps_core.errors import SettingsError, StoreError
from rps_core.game.families import ModelIdentity
from rps_core.settings import SECTIONS, load_settings, setting_fields
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.addresses import without_secrets
from tests.builders.games import new_game
from tests.builders.ports import free_port
from tests.security.test_routes import GUARDED, OPEN, address

TOKEN = "t0ken-that-nobody-may-read"
PASSWORD = "passw0rd-that-nobody-may-read"
ACCESS_KEY = "acc3ss-that-nobody-may-read"
SECRET_KEY = "s3cret-that-nobody-may-read"
WEBHOOK = "http://127.0.0.1:9/h00k-that-nobody-may-read"
# Not escaped, as people write them: every part of it is secret.
LOGIN = "mlfl0w@w0rd:that"
SECRETS = (TOKEN, PASSWORD, ACCESS_KEY, SECRET_KEY, WEBHOOK, "h00k-that-nobody-may-read", "mlfl0w", "w0rd:that")


@contextmanager
def a_server() -> Iterator[tuple[int, list[str]]]:
    """A server that refuses everything, and the Authorization headers it was sent."""
    sent: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers["Authorization"])
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, sent
        server.shutdown()


def require_no_secret(*texts: str) -> None:
    for text in texts:
        found = [secret for secret in SECRETS if secret in text]
        assert found == [], text[:2_000]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """All secrets, with addresses where no server answers."""
    port = free_port()
    values = {
        "DATA_PATH": str(tmp_path),
        "RPS_API_TOKEN": TOKEN,
        "RPS_DATABASE_URL": f"postgresql+psycopg://rps:{PASSWORD}@127.0.0.1:{port}/rps?connect_timeout=1",
        "MINIO_ENDPOINT": f"http://127.0.0.1:{port}",
        "MINIO_ACCESS_KEY": ACCESS_KEY,
        "MINIO_SECRET_KEY": SECRET_KEY,
        "RPS_ALERT_WEBHOOK_URL": WEBHOOK,
        "API_BASE": f"http://rps:{LOGIN}@127.0.0.1:{port}",
        "RPS_DAGSTER_URL": f"http://rps:{LOGIN}@127.0.0.1:{port}",
        "MLFLOW_TRACKING_URI": f"http://rps:{LOGIN}@127.0.0.1:{port}",
        "GRAFANA_DASHBOARD_URL": f"http://rps:{LOGIN}@127.0.0.1:{port}/d/rps?orgId=1",
        "UI_CLIENT_API_BASE": f"http://rps:{PASSWORD}@127.0.0.1:{port}",
        "MLFLOW_TRACKING_USERNAME": "rps",
        "MLFLOW_TRACKING_PASSWORD": "an0ther-password",
        "RPS_API_PORT": str(port),
        "RPS_DAGSTER_PORT": str(port),
        "RPS_MLFLOW_PORT": str(port),
        # Do not retry servers that never answer.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def log() -> Iterator[StringIO]:
    """The output of all loggers, through the product's formatter."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(json_formatter(secrets_of(load_settings())))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def test_settings_do_not_show_secrets(environment: dict[str, str]) -> None:
    settings = load_settings()
    require_no_secret(
        repr(settings),
        str(settings),
        f"{settings}",
        str(settings.storage.model_dump(exclude={"database_url_override"})),
        str(settings.http.model_dump()),
    )
    assert PASSWORD in settings.storage.database_url


def test_errors_about_invalid_settings_do_not_repeat_secrets(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Put each secret into a wrong variable.
    for secret in SECRETS:
        for name in ("RPS_API_PORT", "AB_SPLIT_RATIO", "RPS_TRUSTED_PROXIES", "RPS_LOG_FORMAT", "RPS_DATABASE_URL"):
            with monkeypatch.context() as wrong:
                wrong.setenv(name, f"x{secret}")
                if name == "RPS_DATABASE_URL":
                    wrong.setenv(name, f"postgresql:/{secret}@")
                with pytest.raises(SettingsError) as refused:
                    load_settings()
                require_no_secret(str(refused.value))


def test_errors_about_an_unreachable_database_do_not_show_its_password(environment: dict[str, str]) -> None:
    engine = open_engine(load_settings().storage.database_url)
    with pytest.raises(StoreError) as refused:
        upgrade_store(engine)
    require_no_secret(str(refused.value), repr(engine), repr(engine.url))
    assert "127.0.0.1" in str(refused.value)


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--json"], ["verify"], ["snapshot", "x.zip"], ["migrate"],
                                       ["validate"], ["sync"], ["reload"], ["status"],
                                       ["export-rounds", "x.csv"]], ids=" ".join)  # fmt: skip
def test_no_command_shows_a_secret(environment: dict[str, str], arguments: list[str]) -> None:
    done = CliRunner().invoke(command_line, arguments, env={"COLUMNS": "300", **environment})
    assert done.exit_code != 0
    require_no_secret(done.output, str(done.exception))


def test_links_and_printed_addresses_never_contain_a_password(environment: dict[str, str], tmp_path: Path) -> None:
    """Page, explanation, Dagster's metadata and alerts, printed addresses, and the session's file and processes."""
    settings = load_settings()
    services, layout = settings.services, plan_layout(settings.storage, environment)
    children = child_environment(services, settings.training, layout, environment)
    session = Session(settings, layout, children, PlainDisplay(StringIO(), lambda: 0.0))
    pages = Pages.of(settings.page, services, "1")
    shown = [
        str(pages),
        pages.render("game", pages.api_base),
        str(pages.headers(pages.api_base)),
        str(links_of(services, new_game(), ModelIdentity("3", "abc"), None)),
        *(str(link.value) for link in (
            links.mlflow_run(services, "1", "abc"),
            links.mlflow_version(services, "rps_bot_xgboost", "7"),
            links.observatory(services, "slots-title"),
            links.asset(services, dg.AssetKey("x")),
        )),
        services.dagster_link_url,
        str(session.addresses),
        render_supervisord(plan_programs(services, layout), layout),
    ]  # fmt: skip
    require_no_secret(*shown)
    assert all("http://127.0.0.1" in text for text in shown[:9])
    # MLflow's clients get the password apart from the address, and so cannot repeat it.
    assert children["MLFLOW_TRACKING_URI"] == services.mlflow_tracking_uri
    assert children["MLFLOW_TRACKING_PASSWORD"] == LOGIN
    write_record(tmp_path / "session", session.addresses)
    require_no_secret((tmp_path / "session").read_text())


def test_a_client_sends_the_password_of_an_address_as_it_is_meant() -> None:
    """An unescaped password works, and the errors of the client show only where it connected to."""
    with a_server() as (port, headers):
        for login in (LOGIN, "pl/a@in", "with%40escape"):
            with pytest.raises(ApiError) as failed:
                ApiClient(f"http://rps:{login}@127.0.0.1:{port}/").get("/healthz")
            assert f"GET http://127.0.0.1:{port}/healthz answered 401" in str(failed.value)
            assert base64.b64decode(headers.pop().removeprefix("Basic ")).decode() == f"rps:{unquote(login)}"


def test_a_database_password_with_an_at_sign_is_refused_or_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("postgresql://u:se@cret@h/db", "postgresql://u:se@cr?et@h/db", "postgresql+psycopg://u:s@e/cret@h/db"):
        monkeypatch.setenv("RPS_DATABASE_URL", url)
        with pytest.raises(SettingsError, match=r"RPS_DATABASE_URL has an @ inside of its password; .* %40") as refused:
            load_settings()
        assert "cret" not in str(refused.value)
    for url in ("postgresql://u@srv:pw@h/db", "postgresql://u:se%40cret@h/db", "sqlite:////a@b/c@d.db"):
        monkeypatch.setenv("RPS_DATABASE_URL", url)
        load_settings()
    engine = open_engine(f"postgresql+psycopg://u@127.0.0.1:1/db?password={PASSWORD}&sslpassword={SECRET_KEY}")
    with pytest.raises(
        StoreError, match=r"psycopg://u@127.0.0.1:1/db cannot be used: .*; check that the"
    ) as refused_by:
        upgrade_store(engine)
    require_no_secret(str(refused_by.value))
    quoted = without_secrets(f"no answer for {quote(LOGIN, safe='')} {LOGIN}", engine.url.set(password=LOGIN))
    assert quoted == "no answer for *** ***"


def provoked(client: TestClient[Litestar]) -> Iterator[str]:
    """Call every route with and without the token; yield headers and text of each answer."""
    for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"Authorization": f"Basic {TOKEN}"}, {}):
        for method, path in [*OPEN, *GUARDED]:
            body: Any = {"unexpected": TOKEN[:3]} if method == "POST" else None
            answer = client.request(method, address(path), headers=headers, json=body, params={"wait_seconds": 0})
            yield f"{answer.headers}\n{answer.text}"


def test_no_answer_and_no_log_line_shows_a_secret(
    environment: dict[str, str], log: StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store works first and fails later; the server of the cache never answers."""
    engine = open_engine(f"sqlite:///{tmp_path}/rps.db")
    app = create_app(load_settings(), engine=engine, refresh_models=False)
    with TestClient(app) as client:
        texts = list(provoked(client))

        def fails(*_: object) -> None:
            # Drivers put the whole address into the message.
            raise OperationalError("SELECT 1", {}, Exception(f"no answer from {environment['RPS_DATABASE_URL']}"))

        def breaks(*_: object) -> None:
            raise RuntimeError(f"{environment['RPS_DATABASE_URL']} {SECRET_KEY} {ACCESS_KEY} {TOKEN} {WEBHOOK}")

        for fault in (fails, breaks):
            monkeypatch.setattr(GameStore, "load_game", fault)
            texts += [client.get("/games/some-game").text, client.get("/round_points?game_id=x").text]
        texts.append(client.get("/metrics").text)
    engine.dispose()
    require_no_secret(*texts)
    assert "no answer from" in log.getvalue()
    require_no_secret(log.getvalue())


def test_this_file_sets_every_secret_of_the_settings(environment: dict[str, str]) -> None:
    """A new secret setting must be added to this file."""
    secret = {name for _, name, field in setting_fields() if "SecretStr" in str(field.annotation)}
    assert secret == {"api_token", "minio_access_key", "minio_secret_key", "alert_webhook_url", "mlflow_password"}
    assert all(
        getattr(getattr(load_settings(), section), name) is not None
        for section, kind in SECTIONS.items()
        for name in secret & kind.model_fields.keys()
    )
