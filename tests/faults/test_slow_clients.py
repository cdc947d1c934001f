"""Clients that open many connections and send next to nothing: everybody else plays on."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.server import GameServer

HEADER_SECONDS, BODY_SECONDS, KEEP_ALIVE_SECONDS, PER_ADDRESS = 1, 1, 9, 60
UNFINISHED_HEADER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
UNFINISHED_BODY = (
    b"POST /start_game HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    started = GameServer(
        tmp_path_factory.mktemp("slow"),
        RPS_HEADER_TIMEOUT_SECONDS=str(HEADER_SECONDS),
        RPS_BODY_TIMEOUT_SECONDS=str(BODY_SECONDS),
        RPS_KEEP_ALIVE_SECONDS=str(KEEP_ALIVE_SECONDS),
        RPS_CONNECTIONS_PER_ADDRESS=str(PER_ADDRESS),
    )
    yield started.start()
    started.kill()


def opened(server: GameServer, data: bytes, address: str = "127.0.0.2") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=(address, 0))
    connection.sendall(data)
    return connection


def until_closed(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    received = b""
    with connection:
        try:
            while part := connection.recv(65_536):
                received += part
        except ConnectionResetError:
            pass
    return received


def test_an_unfinished_header_or_body_is_answered_with_408_and_the_connection_is_closed(server: GameServer) -> None:
    silent, header, body = (opened(server, data) for data in (b"", UNFINISHED_HEADER, UNFINISHED_BODY))
    assert until_closed(silent) == b""
    assert until_closed(header).startswith(b"HTTP/1.1 408 ")
    answer = until_closed(body)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive within 1 s" in answer


def test_a_body_that_arrives_in_time_in_parts_is_read(server: GameServer) -> None:
    with opened(server, UNFINISHED_BODY.replace(b"1000", b"2")) as connection:
        time.sleep(BODY_SECONDS / 4)
        connection.sendall(b"}")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_an_idle_connection_is_kept_longer_than_a_header_may_take(server: GameServer) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with opened(server, request) as connection:
        for _ in range(2):
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
            time.sleep(HEADER_SECONDS + 1.5)
            connection.sendall(request)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        # A later request that stays unfinished is late like a first one.
        time.sleep(0.1)
        connection.sendall(UNFINISHED_HEADER)
        assert until_closed(connection).startswith(b"HTTP/1.1 408 ")


def test_play_goes_on_while_one_address_opens_many_connections(server: GameServer) -> None:
    """Half of them never finish a header, half never send their body; those that are closed come again."""
    selector, answers, played = selectors.DefaultSelector(), Counter[bytes](), 0

    def attack(number: int) -> None:
        connection = opened(server, (UNFINISHED_HEADER, UNFINISHED_BODY)[number % 2])
        selector.register(connection, selectors.EVENT_READ, number)

    for number in range(300):
        attack(number)
    with httpx.Client(base_url=server.url, timeout=10) as client:
        for _ in range(3):
            game = client.post("/start_game", json={"policy": "logan"}).raise_for_status().json()
            for _ in range(5):
                client.post("/play", json={"game_id": game["game_id"], "user_move": "rock"}).raise_for_status()
                played += 1
            for path in ("/readyz", "/healthz"):
                client.get(path).raise_for_status()
            time.sleep(0.7)
            for key, _ in selector.select(0):
                selector.unregister(key.fileobj)
                assert isinstance(key.fileobj, socket.socket)
                answers[until_closed(key.fileobj)[:12]] += 1
                attack(key.data)
    for key in list(selector.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    selector.close()
    assert played == 15
    assert answers[b"HTTP/1.1 408"] > 0
    # More than an address may have are closed without an answer.
    assert answers[b""] > 0


def test_the_log_has_no_traceback(server: GameServer) -> None:
    assert "Traceback" not in Path(server.data_path / "server.log").read_text()
