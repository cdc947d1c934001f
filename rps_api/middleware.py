"""One measurement, one log line and security headers for each request.

This is plain ASGI around the whole application, so that it covers answers to unknown paths too.
"""

import asyncio
import re
import time
from typing import Any, TypeAlias

import msgspec
from litestar.enums import ScopeType
from litestar.response.base import ASGIResponse
from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    HTTPScope,
    Message,
    Receive,
    Scope,
    Send,
    WebSocketReceiveMessage,
)

from rps_api.connections import ActivePeers
from rps_api.deprecation import deprecation_headers
from rps_api.errors import PROBLEM_MEDIA_TYPE, problem_content
from rps_api.logs import AccessLog, RequestIds
from rps_api.metrics.process import ServiceMetrics
from rps_core.settings import HttpSettings

UNMATCHED = "unmatched"
HEAD = "HEAD"
# Made once: the annotation of an inner function is evaluated at each request.
_Received: TypeAlias = HTTPReceiveMessage | WebSocketReceiveMessage
# Kept if the client or a proxy sends it, and always part of the answer.
REQUEST_ID_HEADER = b"x-request-id"
# RFC 3986: a host name or an address, and an optional port.
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{0,5}))?")
_HIGHEST_PORT = 65_535
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Defaults; an answer may set its own values.
SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
}
_API_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class EdgeMiddleware:
    """Wraps the application and measures its answers."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, active: ActivePeers, http: HttpSettings) -> None:
        self._app = app
        self._active = active
        self._body_seconds = http.body_timeout_seconds
        self._root_path = http.root_path
        self._metrics = metrics
        self._access = AccessLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve and measure one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status, body_bytes, sent_method = 500, 0, scope["method"]
        if sent_method == HEAD:
            # The answer to GET without its body, which monitors and caches ask for.
            scope["method"], receive, send = "GET", *_without_body(send)
        if self._root_path:
            scope["path"] = without_root(scope["path"], self._root_path)
        ids = RequestIds(_sent_id(scope))

        async def observe(message: Message) -> None:
            nonlocal status, body_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                add_security_headers(message)
                request_id = (REQUEST_ID_HEADER, ids.request_id.encode())
                message["headers"] = (*message["headers"], *deprecation_headers(scope), request_id)
            elif message["type"] == "http.response.body":
                body_bytes += len(message.get("body", b""))
            await send(message)

        client = tuple(scope["client"] or ())
        self._active.begin(client)
        try:
            answer = self._app if _has_sound_host(scope) else _host_refused(scope)
            async with asyncio.timeout(None) as limit:
                await answer(scope, self._in_time(receive, limit), observe)
        except TimeoutError:
            await _too_slow(scope, self._body_seconds)(scope, receive, observe)
        finally:
            self._active.end(client)
            seconds = time.perf_counter() - started
            handler = route_template(scope)
            method = sent_method if sent_method in _METHODS else "OTHER"
            if handler != "/metrics":
                self._metrics.request_answered(handler, method, status, seconds, body_bytes)
            self._access.answered(scope, handler, method, status, seconds, ids.values)
            ids.close()

    def _in_time(self, receive: Receive, limit: asyncio.Timeout) -> Receive:
        """Limit the time for the whole body; the time between its parts and the answer does not count."""
        until: float | None = asyncio.get_running_loop().time() + self._body_seconds

        async def receive_in_time() -> _Received:
            nonlocal until
            limit.reschedule(until)
            message = await receive()
            limit.reschedule(None)
            if not message.get("more_body"):
                # What comes next is the end of the connection, which may take as long as the answer.
                until = None
            return message

        return receive_in_time


def _without_body(send: Send) -> tuple[Receive, Send]:
    """Return the ends of a request that is answered with headers alone; a stream ends as if the client had left."""
    answered = asyncio.Event()

    async def receive_end() -> HTTPReceiveMessage:
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            answered.set()

    return receive_end, send_headers


def _has_sound_host(scope: HTTPScope) -> bool:
    """Return whether the Host header is missing or valid.

    RFC 9112 (3.2) demands that a request with an invalid one is refused; Litestar would fail when it builds the URL.
    """
    hosts = (_HOST.fullmatch(value) for name, value in scope["headers"] if name == b"host")
    return all(host is not None and int(host["port"] or 0) <= _HIGHEST_PORT for host in hosts)


def _host_refused(scope: HTTPScope) -> ASGIResponse:
    content = problem_content(scope["path"], 400, "the Host header is invalid; send a host name or address")
    return ASGIResponse(body=msgspec.json.encode(content), status_code=400, media_type=PROBLEM_MEDIA_TYPE)


def _too_slow(scope: HTTPScope, seconds: float) -> ASGIResponse:
    content = problem_content(scope["path"], 408, f"the body did not arrive within {seconds:g} s; send it at once")
    return ASGIResponse(
        body=msgspec.json.encode(content),
        status_code=408,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"Connection": "close"},
    )


def without_root(path: str, root_path: str) -> str:
    """Return a path without the prefix of this installation; a proxy may have removed it already."""
    below = path.removeprefix(root_path)
    return (below or "/") if path != below and below[:1] in {"", "/"} else path


def _sent_id(scope: HTTPScope) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == REQUEST_ID_HEADER), None)


def route_template(scope: Any) -> str:
    """Return the path template of the route that answers."""
    return scope.get("path_template") or ("/" if scope.get("route_handler") else UNMATCHED)


def add_security_headers(message: Any) -> None:
    """Add the missing security headers to an answer; HTML pages set their own content policy."""
    headers = [(bytes(name).lower(), value) for name, value in message["headers"]]
    present = dict(headers)
    headers += [item for item in SECURITY_HEADERS.items() if item[0] not in present]
    if _API_POLICY[0] not in present and b"html" not in present.get(b"content-type", b""):
        headers.append(_API_POLICY)
    message["headers"] = headers
