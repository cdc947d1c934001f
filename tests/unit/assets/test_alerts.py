"""Alerts: which failures cause one, and that a failing webhook breaks nothing."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from rps_assets.automation.alerts import Alert, CheckCursor, CheckState, plan_check_alerts, send
from rps_core.http_clients import trusted_authorities
from rps_core.settings import OperationsSettings, load_settings

ALERT = Alert("run_failure", "train_models", "run 1 failed", "http://dagster/runs/1")


class Webhook:
    """A server that receives alerts; `status` is the status of its answers."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/secret-path"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    opened = Webhook()
    yield opened
    opened.server.shutdown()
    opened.server.server_close()


def settings(url: str | None = None) -> OperationsSettings:
    return load_settings(alert_webhook_url=None if url is None else SecretStr(url)).operations


def test_without_a_webhook_an_alert_is_only_logged() -> None:
    said: list[str] = []
    assert send(ALERT, settings(), said.append) is False
    assert said == ["train_models: run 1 failed"]


def test_a_webhook_receives_what_chat_programs_show_and_what_programs_read(webhook: Webhook) -> None:
    assert send(ALERT, settings(webhook.url), lambda _: None)
    assert webhook.received == [
        {
            "text": "run 1 failed http://dagster/runs/1",
            "kind": "run_failure",
            "subject": "train_models",
            "url": "http://dagster/runs/1",
        }
    ]


def test_a_refusing_webhook_is_tried_twice_and_its_address_stays_secret(webhook: Webhook) -> None:
    webhook.status = 500
    said: list[str] = []
    assert send(ALERT, settings(webhook.url), said.append) is False
    assert len(webhook.received) == 2
    assert "answered 500" in said[-1]
    assert "secret-path" not in " ".join(said)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "no address at all", "http://[broken"])
def test_a_webhook_that_cannot_be_reached_breaks_nothing(url: str) -> None:
    said: list[str] = []
    assert send(ALERT, settings(url), said.append) is False
    assert "got no answer" in said[-1]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080/", "cannot be called: ALL_PROXY names a SOCKS proxy"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "cannot be called: SSL_CERT_FILE=/nonexistent/ca.pem cannot be read"),
        ("HTTP_PROXY", "http://127.0.0.1:9", "got no answer (UnicodeEncodeError)"),
    ],
)
def test_a_wrong_environment_or_text_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    trusted_authorities.cache_clear()
    log: list[str] = []
    assert send(ALERT._replace(text="\udcff"), settings("http://hooks.example/secret-path"), log.append) is False
    assert said in log[-1]
    assert "secret-path" not in log[-1]


def failed(number: int, name: str = "check") -> CheckState:
    return CheckState(name, number, False, "ERROR", "expected 1; found 2")


def test_the_first_tick_causes_no_alert() -> None:
    began, cursor = plan_check_alerts([failed(3)], None)
    assert (began, cursor) == ([], CheckCursor(3, ("check",)))


def test_a_check_causes_an_alert_when_it_begins_to_fail_and_none_while_it_keeps_failing() -> None:
    began, cursor = plan_check_alerts([failed(4), CheckState("other", 5, True)], CheckCursor(3))
    assert (began, cursor) == ([failed(4)], CheckCursor(5, ("check",)))
    assert plan_check_alerts([failed(6)], cursor) == ([], CheckCursor(6, ("check",)))


def test_a_check_that_passed_in_between_causes_another_alert() -> None:
    _, cursor = plan_check_alerts([CheckState("check", 7, True)], CheckCursor(6, ("check",)))
    assert cursor == CheckCursor(7, ())
    assert plan_check_alerts([failed(8)], cursor)[0] == [failed(8)]


def test_checks_that_run_or_never_ran_cause_no_alert() -> None:
    assert plan_check_alerts([CheckState("check", 0, None)], CheckCursor(3)) == ([], CheckCursor(3))
