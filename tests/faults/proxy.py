"""A TCP proxy on loopback that delays or truncates answers, or answers with errors itself."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

CHUNK = 65_536
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n"
)
_BODY = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>out of order</Message></Error>'


@dataclass(frozen=True)
class Hindrance:
    """A disturbance of connections.

    Attributes:
        delay_seconds: delay of each piece of an answer.
        answer_bytes: the answer and its connection end after this number of bytes.
        error: the proxy answers every request with 503.
    """

    delay_seconds: float = 0.0
    answer_bytes: int | None = None
    error: bool = False


NONE = Hindrance()


class Proxy:
    """Forwards connections to a port on loopback; `hinder` disturbs them."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._hindrance = NONE
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._drop_all()

    def hinder(self, hindrance: Hindrance) -> None:
        """Disturb all connections from now on; open connections are closed."""
        self._hindrance = hindrance
        self._drop_all()

    def _drop_all(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        # Closing the listener ends the loop.
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        hindrance = self._hindrance
        with client, contextlib.suppress(OSError):
            if hindrance.error:
                client.recv(CHUNK)
                client.sendall(_UNAVAILABLE % len(_BODY) + _BODY)
                return
            with socket.create_connection(self._target) as server, self._remembered(client, server):
                threading.Thread(target=self._pump, args=(client, server, NONE), daemon=True).start()
                self._pump(server, client, hindrance)

    @contextlib.contextmanager
    def _remembered(self, *sockets: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.update(sockets)
        try:
            yield
        finally:
            with self._lock:
                self._open.difference_update(sockets)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, hindrance: Hindrance) -> None:
        left = hindrance.answer_bytes
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK if left is None else min(left, CHUNK)):
                time.sleep(hindrance.delay_seconds)
                sink.sendall(data)
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        break
        for connection in (source, sink):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
