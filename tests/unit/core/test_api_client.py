"""The client of the API: addresses, errors and the answer about served models."""

import socket
from typing import Any

import httpx
import pytest

from rps_core import api_client
from rps_core.api_client import ApiClient, ApiError, parse_served
from rps_core.game.families import ModelIdentity, Slot


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Answer requests by their path, and return them."""
    sent: list[httpx.Request] = []
    answers = {
        "/readyz": httpx.Response(503, json={"ready": False}),
        "/models": httpx.Response(401, text="a bearer token is missing"),
        "/page": httpx.Response(200, text="<html>"),
        "/healthz": httpx.Response(503, text="starting"),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return answers[request.url.path]

    def client(_url: str, **options: Any) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(answer), **options)

    monkeypatch.setattr(api_client, "http_client", client)
    return sent


def test_readiness_is_returned_even_if_the_api_is_not_ready(requests: list[httpx.Request]) -> None:
    assert ApiClient("http://api/", "secret").readiness() == {"ready": False}
    assert str(requests[0].url) == "http://api/readyz"
    assert requests[0].headers["authorization"] == "Bearer secret"


def test_a_refusal_names_the_setting_of_the_token(requests: list[httpx.Request]) -> None:
    with pytest.raises(ApiError, match=r"GET http://api/models answered 401: .*missing; set RPS_API_TOKEN"):
        ApiClient("http://api").served_models()
    assert "authorization" not in requests[0].headers


def test_other_failures_are_errors_too(requests: list[httpx.Request]) -> None:
    client = ApiClient("http://api")
    assert not client.is_up()
    with pytest.raises(ApiError, match="did not answer with JSON: '<html>'"):
        client.get("/page")
    assert len(requests) == 2


@pytest.mark.parametrize("token", ["s3cret-part\nanother-s3cret", "s3cret-schlüssel", " s3cret"])
def test_an_error_never_contains_the_token(token: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(ApiError) as failed:
        ApiClient(f"http://127.0.0.1:{server.getsockname()[1]}", token, timeout_seconds=0.2).get("/models")
    assert "s3cret" not in str(failed.value)


def test_require_alive_passes_on_the_refusal(requests: list[httpx.Request]) -> None:
    with pytest.raises(ApiError, match="/healthz answered 503: starting"):
        ApiClient("http://api").require_alive()
    assert len(requests) == 1


def test_the_answer_about_served_models_is_read_slot_by_slot() -> None:
    payload = {"xgboost": {"name": "x", "aliases": {"B": {"version": 7, "run_id": "a"}, "Production": None}}}
    assert parse_served(payload) == {Slot("xgboost", "B"): ModelIdentity("7", "a")}


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {"xgboost": {}},
        {"xgboost": {"aliases": {"B": {"run_id": "a"}}}},
        {"x": {"aliases": {"B": {"version": 1, "run_id": "a"}}}},
    ],
)
def test_an_answer_of_another_shape_is_an_error(payload: object) -> None:
    with pytest.raises(ApiError, match="unknown shape"):
        parse_served(payload)
