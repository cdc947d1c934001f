"""What the middleware reports to the guard of the connections."""

import asyncio
from typing import Any

from litestar.types import Receive, Scope, Send

from rps_api.connections import ConnectionGuard
from rps_api.metrics.process import ServiceMetrics
from rps_api.middleware import EdgeMiddleware
from rps_core.settings import load_settings

PEER = ("192.0.2.7", 50_000)


def request(path: str) -> Any:
    return {"type": "http", "method": "GET", "path": path, "headers": [], "client": PEER}


async def receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(_: Any) -> None:
    pass


def test_the_end_of_the_last_request_does_not_hide_the_next_one_on_its_connection() -> None:
    """A hidden request is ended by the time limit for headers, if its round waits that long for the store."""
    settings = load_settings()
    guard = ConnectionGuard(settings.http)

    async def follow() -> list[bool]:
        may_end = {path: asyncio.Event() for path in ("/first", "/second")}

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            await may_end[scope["path"]].wait()

        edge = EdgeMiddleware(application, ServiceMetrics(settings.play), guard.active, settings.http)
        tasks = {}
        for path in may_end:
            tasks[path] = asyncio.create_task(edge(request(path), receive, send))
            await asyncio.sleep(0)
        seen = [PEER in guard.active]
        for path, task in tasks.items():
            may_end[path].set()
            await task
            seen.append(PEER in guard.active)
        return seen

    assert asyncio.run(follow()) == [True, True, False]
