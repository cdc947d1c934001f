"""Requests from any client address."""

from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

STRANGER = "203.0.113.5"


class Peer:
    """Middleware that sets the client address of every request to `host`, which tests can change."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self.host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["client"] = (self.host, 40_000)
        await self._app(scope, receive, send)


def requested_from(app: Litestar, host: str = STRANGER) -> Peer:
    """Make every request to `app` come from `host`."""
    peer = Peer(app.asgi_handler, host)
    app.asgi_handler = peer
    return peer
