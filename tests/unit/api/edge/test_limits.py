"""Rate limits: one client cannot slow down the others or pretend to be another client."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest

from rps_api.client_address import parse_address, resolve_address
from rps_api.limits import RateLimiter
from rps_api.limits.hooks import client_key
from rps_core.errors import SettingsError
from rps_core.settings import load_settings
from tests.unit.api.edge.conftest import Table

Serve = Callable[..., Table]
PROXIES = (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"))


class Watch:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def allowed(limiter: RateLimiter, client: str, requests: int) -> int:
    return sum(limiter.seconds_to_wait(client) == 0 for _ in range(requests))


def test_a_client_may_use_a_minutes_worth_at_once_and_no_more() -> None:
    limiter = RateLimiter(30, now=Watch())
    assert allowed(limiter, "a", 100) == 30


def test_a_refused_request_returns_the_wait_and_is_not_counted() -> None:
    watch = Watch()
    limiter = RateLimiter(30, now=watch)
    allowed(limiter, "a", 30)
    waits = [limiter.seconds_to_wait("a") for _ in range(5)]
    assert waits == pytest.approx([2.0] * 5)
    watch.seconds += waits[-1]
    assert allowed(limiter, "a", 5) == 1


def test_over_an_hour_the_rate_is_the_limit_plus_one_burst() -> None:
    watch = Watch()
    limiter = RateLimiter(60, now=watch)
    passed = 0
    for _ in range(3_600 * 2):
        passed += limiter.seconds_to_wait("a") == 0
        watch.seconds += 0.5
    assert 3_600 <= passed <= 3_660


def test_clients_have_separate_limits() -> None:
    limiter = RateLimiter(10, now=Watch())
    assert allowed(limiter, "a", 50) == 10
    assert allowed(limiter, "b", 50) == 10


def test_zero_means_unlimited() -> None:
    assert allowed(RateLimiter(0, now=Watch()), "a", 10_000) == 10_000


def test_memory_is_limited_to_the_newest_clients() -> None:
    limiter = RateLimiter(10, max_clients=100, now=Watch())
    for number in range(5_000):
        limiter.seconds_to_wait(f"client {number}")
    assert len(limiter) == 100
    allowed(limiter, "client 4999", 9)
    assert limiter.seconds_to_wait("client 4999") > 0, "the newest is still known"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param("203.0.113.5", "", "203.0.113.5", id="no proxy"),
        pytest.param("203.0.113.5", "198.51.100.1", "203.0.113.5", id="an untrusted peer sends a forged header"),
        pytest.param("10.0.0.1", "198.51.100.1", "198.51.100.1", id="a trusted proxy names the client"),
        pytest.param("10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1", id="a forged address before the client"),
        pytest.param("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1", id="two trusted proxies in a row"),
        pytest.param("10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9", id="a client inside the trusted network"),
        pytest.param("10.0.0.1", "unknown", "10.0.0.1", id="the proxy reports no address"),
        pytest.param("10.0.0.1", "198.51.100.1:4711", "198.51.100.1", id="with a port"),
        pytest.param("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7", id="IPv6 with a port"),
        pytest.param("10.0.0.1", " , ,", "10.0.0.1", id="an empty list"),
        pytest.param("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1", id="a proxy written as IPv6"),
    ],
)
def test_the_client_is_the_last_address_that_a_trusted_proxy_vouches_for(
    peer: str, forwarded: str, client: str
) -> None:
    assert resolve_address(parse_address(peer), forwarded, PROXIES) == ip_address(client)


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    assert client_key(parse_address("2001:db8:1:2::1")) == client_key(parse_address("2001:db8:1:2:ffff::9"))
    assert client_key(parse_address("2001:db8:1:2::1")) != client_key(parse_address("2001:db8:1:3::1"))


def test_too_many_games_answer_429_with_the_seconds_to_wait(serve: Serve) -> None:
    table = serve(starts_per_minute=3)
    for _ in range(3):
        table.start()
    refused = table.client.post("/start_game", json={})
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.json()["status"] == 429
    assert "try again in" in refused.json()["detail"]


def test_play_has_a_separate_limit(serve: Serve) -> None:
    table = serve(starts_per_minute=1, plays_per_minute=2)
    game = table.start()["game_id"]
    table.play(game)
    table.play(game)
    assert table.client.post("/play", json={"game_id": game, "user_move": "rock"}).status_code == 429
    assert table.client.get(f"/games/{game}").json()["round_no"] == 3, "a refused round is not played"


def test_other_clients_are_not_affected(serve: Serve) -> None:
    table = serve(starts_per_minute=1)
    table.start()
    assert table.client.post("/start_game", json={}).status_code == 429
    table.peer.host = "203.0.113.6"
    table.start()


def test_programs_on_this_machine_are_not_limited(serve: Serve) -> None:
    table = serve(starts_per_minute=1)
    table.peer.host = "127.0.0.1"
    for _ in range(5):
        table.start()


def test_a_forged_address_does_not_escape_the_limit(serve: Serve) -> None:
    table = serve(starts_per_minute=1)
    table.start()
    for forged in ("198.51.100.1", "127.0.0.1", "198.51.100.2, 127.0.0.1"):
        answer = table.client.post("/start_game", json={}, headers={"X-Forwarded-For": forged})
        assert answer.status_code == 429


def test_behind_a_trusted_proxy_each_visitor_has_a_share(serve: Serve) -> None:
    table = serve(starts_per_minute=1, trusted_proxies="10.0.0.0/8")
    table.peer.host = "10.1.2.3"
    statuses = [
        table.client.post("/start_game", json={}, headers={"X-Forwarded-For": visitor}).status_code
        for visitor in ("198.51.100.1", "198.51.100.2", "198.51.100.1", "8.8.8.8, 198.51.100.2")
    ]
    assert statuses == [200, 200, 429, 429]


def test_requests_through_a_local_proxy_are_limited(serve: Serve) -> None:
    table = serve(starts_per_minute=1)
    table.peer.host = "127.0.0.1"
    answers = [
        table.client.post("/start_game", json={}, headers={"X-Forwarded-For": "198.51.100.1"}).status_code
        for _ in range(2)
    ]
    assert answers == [200, 429]


def test_a_trusted_proxy_that_reports_localhost_does_not_make_an_operator(serve: Serve) -> None:
    table = serve(trusted_proxies="10.0.0.0/8,127.0.0.0/8")
    for host in ("10.1.2.3", "127.0.0.1"):
        table.peer.host = host
        answer = table.client.post("/models/reload", headers={"X-Forwarded-For": "127.0.0.1", "Host": "localhost"})
        assert answer.status_code == 403


@pytest.mark.parametrize("networks", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33"])
def test_an_invalid_proxy_network_prevents_the_start(networks: str) -> None:
    with pytest.raises(SettingsError, match=r"trusted_proxies|RPS_TRUSTED_PROXIES"):
        load_settings(trusted_proxies=networks)
