"""A load generator that uses little processor time: HTTP/1.1 over plain sockets, in one thread.

On two cores, the client competes with the server. The usual clients need 150 µs (`http.client`) to 600 µs (`httpx`) per
request, this one 15 µs. It supports only what the measured servers send: keep-alive and Content-Length.
"""

import json
import selectors
import socket
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias


class Request(NamedTuple):
    """A request; its latency is recorded under `name`, or not at all if that is empty."""

    name: str
    method: str
    path: str
    body: bytes = b""


class Reply(NamedTuple):
    """A reply."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


# A generator that yields requests and receives their replies.
Conversation: TypeAlias = Generator[Request, Reply, None]


@dataclass
class Measured:
    """Latencies in ms by name, failed requests, and the total seconds."""

    latencies_ms: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, name: str) -> int:
        """Return the number of requests with a name."""
        return len(self.latencies_ms.get(name, ()))


def talk(port: int, conversations: list[Conversation], *, on_failure: Callable[[str], None] | None = None) -> Measured:
    """Run conversations concurrently, each on its own connection, until all have ended.

    Raises:
        ConnectionError: the server closed a connection.
    """
    measured = Measured()
    selector = selectors.DefaultSelector()
    for conversation in conversations:
        client = _Client(port, conversation, measured)
        if client.begin():
            selector.register(client.socket, selectors.EVENT_READ, client)
    started = time.perf_counter()
    while selector.get_map():
        for key, _ in selector.select():
            client = key.data
            if not client.receive():
                selector.unregister(client.socket)
                client.socket.close()
    measured.seconds = time.perf_counter() - started
    if on_failure:
        for failure in measured.failures:
            on_failure(failure)
    return measured


class _Client:
    """A connection with its conversation."""

    def __init__(self, port: int, conversation: Conversation, measured: Measured) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._conversation = conversation
        self._measured = measured
        self._request: Request
        self._received = b""
        self._sent_at = 0.0

    def begin(self) -> bool:
        """Send the first request; return whether the conversation has one."""
        try:
            self._send(next(self._conversation))
        except StopIteration:
            return False
        return True

    def receive(self) -> bool:
        """Read from the socket, continue after a complete reply; return whether the conversation goes on."""
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError(f"the server closed the connection during {self._request.path}")
        self._received += chunk
        reply = _parsed(self._received)
        if reply is None:
            return True
        self._received = b""
        self._record(reply)
        try:
            self._send(self._conversation.send(reply))
        except StopIteration:
            return False
        return True

    def _send(self, request: Request) -> None:
        self._request = request
        head = f"{request.method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if request.body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(request.body)}\r\n"
        self._sent_at = time.perf_counter()
        self.socket.sendall(head.encode() + b"\r\n" + request.body)

    def _record(self, reply: Reply) -> None:
        elapsed_ms = 1000 * (time.perf_counter() - self._sent_at)
        if self._request.name:
            self._measured.latencies_ms.setdefault(self._request.name, []).append(elapsed_ms)
        if reply.status >= 400:
            self._measured.failures.append(f"{self._request.path} answered {reply.status}: {reply.body[:200]!r}")


def _parsed(received: bytes) -> Reply | None:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return Reply(int(head[9:12]), body) if len(body) >= int(value) else None
    raise ConnectionError("the reply has no Content-Length")
