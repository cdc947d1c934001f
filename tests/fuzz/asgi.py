"""An ASGI caller that sends requests which no client library would send."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from litestar import Litestar

MAX_ANSWER_BYTES = 20_000_000
HUNG_SECONDS = 30


class Request(NamedTuple):
    """A request, in bytes as on the wire."""

    method: str
    path: bytes
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""


class Answer(NamedTuple):
    """A complete answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Running:
    """A started application."""

    def __init__(self, app: Litestar, runner: asyncio.Runner) -> None:
        self._app = app
        self._runner = runner

    def ask(self, request: Request, host: str = "203.0.113.5") -> Answer:
        """Send a request and return the answer."""
        return self._runner.run(_asked(self._app, request, host))


@contextmanager
def running(app: Litestar) -> Iterator[Running]:
    """Start an application and stop it at the end."""
    with asyncio.Runner() as runner:
        stop = asyncio.Event()
        started = runner.run(_started(app, stop))
        try:
            yield Running(app, runner)
        finally:
            stop.set()
            runner.run(_finished(started))


async def _started(app: Litestar, stop: asyncio.Event) -> "asyncio.Task[None]":
    """Start the application in a separate task, which also stops it."""
    ready = asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            ready.set()
            await stop.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    return task


async def _finished(task: "asyncio.Task[None]") -> None:
    await task


async def _asked(app: Litestar, request: Request, host: str) -> Answer:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path,
        "root_path": "",
        "query_string": request.query,
        "headers": [(name.lower(), value) for name, value in request.headers],
        "client": (host, 40_000),
        "server": ("127.0.0.1", 8080),
        "state": {},
        "extensions": {},
    }
    sent = iter(({"type": "http.request", "body": request.body, "more_body": False},))
    gone = asyncio.Event()
    started: dict[str, object] = {}
    body = bytearray()

    async def receive() -> object:
        for message in sent:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            chunk = message.get("body", b"")
            assert isinstance(chunk, bytes)
            body.extend(chunk)
            assert len(body) < MAX_ANSWER_BYTES
            if not message.get("more_body", False):
                # Servers report the disconnection; streams wait for it.
                gone.set()

    # Fail on endless answers; every real answer is much faster.
    async with asyncio.timeout(HUNG_SECONDS):
        await app(scope, receive, send)  # type: ignore[arg-type]
    status, headers = started["status"], started["headers"]
    assert isinstance(status, int)
    assert isinstance(headers, list | tuple)
    return Answer(status, {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}, bytes(body))
