"""Ends connections that only occupy the server: unfinished headers, too many of one address, too many in all.

Granian knows one time limit for a header and for an idle connection, and gives no access to its connections. A thread
looks at the sockets of this process instead, once a second; the middleware reports which of them have a request.
"""

import os
import socket
import stat
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from rps_api.client_address import Network, parse_address
from rps_api.limits.hooks import client_key
from rps_core.settings import HttpSettings

SWEEP_SECONDS = 1.0
# Connections that one process accepts; the server raises its limit of open files for them.
MAX_CONNECTIONS = 8_192
# The last tenth stays free, so that probes and players are always accepted.
KEPT_FREE = MAX_CONNECTIONS // 10
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_OPEN_FILES = "/dev/fd"
# struct tcp_info of Linux: milliseconds since data was last sent and received; bytes acknowledged and received.
_TIMES_AT, _BYTES_AT = 44, 120
_Peer: TypeAlias = tuple[str, int]


class _Socket(NamedTuple):
    peer: _Peer
    descriptor: int
    sent: int
    received: int
    input_is_newer: bool


class _Seen:
    """What is known of a connection: since when it owes a request, and its bytes at its last answer."""

    def __init__(self, now: float) -> None:
        self.since = now
        self.waiting_since: float | None = now
        self.sent = self.answered_at = 0


class ActivePeers:
    """The peers whose request is being answered.

    They are counted: a client may send its next request before the work that follows the last answer has ended.
    """

    def __init__(self) -> None:
        self._requests: dict[Any, int] = {}

    def __contains__(self, peer: object) -> bool:
        return peer in self._requests

    def begin(self, peer: Any) -> None:
        """Note that a request of a peer has begun."""
        self._requests[peer] = self._requests.get(peer, 0) + 1

    def end(self, peer: Any) -> None:
        """Note that a request of a peer has ended."""
        if left := self._requests[peer] - 1:
            self._requests[peer] = left
        else:
            del self._requests[peer]


class ConnectionGuard:
    """Watches the accepted connections of this process.

    Attributes:
        active: the middleware reports here which peers have a request.
    """

    def __init__(self, http: HttpSettings) -> None:
        self.active = ActivePeers()
        self._http = http
        self._trusted: tuple[Network, ...] = tuple(http.trusted_proxies)
        self._seen: dict[_Peer, _Seen] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to watch."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="connections", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop to watch."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(SWEEP_SECONDS):
            self.sweep(time.monotonic())

    def sweep(self, now: float) -> None:
        """End the connections that break a limit."""
        sockets = {found.peer: found for found in _accepted()}
        self._seen = {peer: self._seen.get(peer) or _Seen(now) for peer in sockets}
        for peer, found in sockets.items():
            self._update(self._seen[peer], found, now)
        late = [peer for peer, seen in self._seen.items() if self._is_late(seen, now)]
        for peer in late:
            _end(sockets[peer], TIMED_OUT if sockets[peer].received > self._seen[peer].answered_at else b"")
        for peer in self._surplus(sockets.keys() - set(late)):
            _end(sockets[peer], b"")

    def _update(self, seen: _Seen, found: _Socket, now: float) -> None:
        if found.peer in self.active or found.sent > seen.sent:
            seen.sent, seen.answered_at, seen.waiting_since = found.sent, found.received, None
            if found.input_is_newer and found.peer not in self.active:
                # After the answer, a part of the next header came.
                seen.answered_at, seen.waiting_since = found.received - 1, now
        elif found.received > seen.answered_at and seen.waiting_since is None:
            seen.waiting_since = now

    def _is_late(self, seen: _Seen, now: float) -> bool:
        return seen.waiting_since is not None and now - seen.waiting_since > self._http.header_timeout_seconds

    def _surplus(self, peers: set[_Peer]) -> Iterator[_Peer]:
        def dispensable(peer: _Peer) -> tuple[bool, float]:
            return peer in self.active, -self._seen[peer].since

        by_client: defaultdict[str, list[_Peer]] = defaultdict(list)
        for peer in peers:
            address = parse_address(peer[0])
            if address is None or not any(address in network for network in self._trusted):
                by_client[client_key(address)].append(peer)
        limit, dropped = self._http.connections_per_address, set[_Peer]()
        for own in by_client.values():
            if limit and len(own) > limit:
                dropped.update(sorted(own, key=dispensable)[: len(own) - limit])
        rest = sorted(peers - dropped, key=dispensable)
        yield from dropped
        yield from rest[: max(0, len(rest) - (MAX_CONNECTIONS - KEPT_FREE))]


def _accepted() -> Iterator[_Socket]:
    """Yield the connections to the ports on which this process listens."""
    listening: set[int] = set()
    found: list[tuple[int, _Socket]] = []
    for name in os.listdir(_OPEN_FILES):  # noqa: PTH208 - plain numbers are wanted
        with suppress(OSError, ValueError):
            descriptor = int(name)
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as opened:
                if opened.family not in {socket.AF_INET, socket.AF_INET6} or opened.type != socket.SOCK_STREAM:
                    continue
                port = opened.getsockname()[1]
                if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    listening.add(port)
                else:
                    host, peer_port, *_ = opened.getpeername()
                    found.append((port, _Socket((host, peer_port), descriptor, *_bytes_of(opened))))
    yield from (connection for port, connection in found if port in listening)


def _bytes_of(opened: socket.socket) -> tuple[int, int, bool]:
    if not hasattr(socket, "TCP_INFO"):
        return 1, 0, False
    information = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_AT + 16)
    sent, received = struct.unpack_from("=QQ", information, _BYTES_AT)
    since_sent, _, since_received = struct.unpack_from("=III", information, _TIMES_AT)
    return sent, received, since_received < since_sent


def _end(found: _Socket, answer: bytes) -> None:
    """Send a last answer and shut the connection down; the server then closes it as if the client had left."""
    with suppress(OSError), socket.socket(fileno=os.dup(found.descriptor)) as opened:
        # The number may belong to another file by now.
        if opened.getpeername()[:2] == found.peer:
            if answer:
                opened.send(answer, socket.MSG_DONTWAIT)
            opened.shutdown(socket.SHUT_RDWR)
