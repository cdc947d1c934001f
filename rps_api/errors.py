"""The errors of all endpoints as RFC 9457 problem details.

`detail` is text, which the original's clients read. Unexpected errors are logged with a traceback, and their answer
reveals nothing about the cause.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.types import ExceptionHandlersMap
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rps_core.errors import (
    BundleError,
    CacheError,
    GameFinished,
    GameNotFound,
    InvalidDifficulty,
    InvalidMove,
    RoundConflict,
    RpsError,
    StoreError,
    UnknownModelSlot,
    UnknownPolicy,
)

_log = logging.getLogger(__name__)
PROBLEM_MEDIA_TYPE = "application/problem+json"
# Litestar's message for a body that ends early; it has no exception class for this.
_HUNG_UP = "client disconnected prematurely"
_TYPE_PREFIX = "urn:rps-quest:problem:"


class InvalidRequest(RpsError, ValueError):
    """A well-formed request with a value that has no meaning."""


class NotFound(RpsError, LookupError):
    """The requested object does not exist."""


class NotAvailable(RpsError):
    """Something that the request needs is temporarily unavailable."""


class NotConfigured(RpsError):
    """This installation is not configured for the request."""


class Conflict(RpsError):
    """A request that contradicts the current state, which the answer includes as `state`."""

    def __init__(self, detail: str, state: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.state = dict(state or {})


class PlayConflict(Conflict):
    """A play that contradicts the state of its game."""


# The status of each error; a subclass inherits the status of its base class.
STATUS_OF: dict[type[RpsError], HTTPStatus] = {
    InvalidMove: HTTPStatus.BAD_REQUEST,
    InvalidDifficulty: HTTPStatus.BAD_REQUEST,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    UnknownPolicy: HTTPStatus.BAD_REQUEST,
    UnknownModelSlot: HTTPStatus.BAD_REQUEST,
    GameNotFound: HTTPStatus.NOT_FOUND,
    NotFound: HTTPStatus.NOT_FOUND,
    GameFinished: HTTPStatus.CONFLICT,
    RoundConflict: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    BundleError: HTTPStatus.SERVICE_UNAVAILABLE,
    CacheError: HTTPStatus.SERVICE_UNAVAILABLE,
    NotAvailable: HTTPStatus.SERVICE_UNAVAILABLE,
    NotConfigured: HTTPStatus.NOT_IMPLEMENTED,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: RpsError) -> HTTPStatus:
    """Return the HTTP status of an error; 500 for errors that no client can cause."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return STATUS_OF[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(
    request: Request[Any, Any, Any],
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Response[dict[str, Any]]:
    """Build a problem response."""
    content = problem_content(request.scope["path"], status, detail, kind=kind, **extra)
    return Response(content, status_code=int(status), media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def problem_content(path: str, status: int, detail: str, *, kind: str | None = None, **extra: Any) -> dict[str, Any]:
    """Return the fields of a problem; it takes the path, because an undecodable query makes the URL unusable."""
    return {
        "type": f"{_TYPE_PREFIX}{kind}" if kind else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": path,
        **extra,
    }


def exception_handlers() -> ExceptionHandlersMap:
    """Return the handlers of the application."""
    return {
        RpsError: _on_rps_error,
        ValidationException: _on_validation_error,
        HTTPException: _on_http_error,
        DataError: _on_unstorable_value,
        DBAPIError: _on_store_error,
        PoolTimeout: _on_store_error,
        RecursionError: _on_unreadable_body,
        UnicodeDecodeError: _on_unreadable_body,
        Exception: _on_unexpected_error,
    }


def _on_rps_error(request: Request[Any, Any, Any], error: RpsError) -> Response[dict[str, Any]]:
    status = status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_unexpected_error(request, error)
    extra = error.state if isinstance(error, Conflict) else {}
    return problem(request, status, str(error), kind=_kind_of(error), **extra)


def _on_validation_error(request: Request[Any, Any, Any], error: ValidationException) -> Response[dict[str, Any]]:
    errors = [_fault(fault) for fault in error.extra or [] if isinstance(fault, dict)]
    named = "; ".join(f"{fault['field']}: {fault['msg']}" for fault in errors)
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, named or error.detail, kind="validation", errors=errors)


def _fault(fault: dict[str, Any]) -> dict[str, Any]:
    source, message = str(fault.get("source", "body")), str(fault.get("message", "invalid"))
    if message == "'data'":
        # Litestar's wording of a missing body.
        message = "the body is missing"
    # The parameter of a handler is called data; a client knows it as the body.
    key = str(fault.get("key") or "").removeprefix("data").lstrip(".")
    field = ".".join(part for part in (key, _missing_field(message)) if part) or source
    return {"field": field, "loc": [source, *field.split(".")], "msg": message, "type": "value_error"}


def _missing_field(message: str) -> str | None:
    marker = "missing required field `"
    return message.partition(marker)[2].partition("`")[0] if marker in message else None


def _on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    if isinstance(error, InternalServerException) and error.detail == _HUNG_UP:
        # The client is gone and reads no answer, but the status keeps this from counting as a server error.
        return problem(
            request, HTTPStatus.BAD_REQUEST, "the body is shorter than its Content-Length", kind="incomplete_body"
        )
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and not error.extra:
        return _on_unexpected_error(request, error)
    return problem(request, error.status_code, error.detail, headers=error.headers)


def _on_store_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    _log.error("%s %s: the gameplay store failed: %s", request.method, request.scope["path"], error)
    return problem(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the gameplay store does not answer; nothing was recorded; try again",
        kind="store_unavailable",
        headers={"Retry-After": "1"},
    )


def _on_unstorable_value(request: Request[Any, Any, Any], _: Exception) -> Response[dict[str, Any]]:
    return problem(
        request,
        HTTPStatus.BAD_REQUEST,
        "a text or number in the request cannot be stored; remove NUL characters and use smaller numbers",
    )


def _on_unreadable_body(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    if not _is_text(request.scope["query_string"]):
        return problem(request, HTTPStatus.BAD_REQUEST, "the query is not UTF-8", kind="malformed_query")
    if request.method not in {"POST", "PUT", "PATCH"}:
        return _on_unexpected_error(request, error)
    fault = "is nested too deeply" if isinstance(error, RecursionError) else "is not UTF-8"
    return problem(request, HTTPStatus.BAD_REQUEST, f"the body {fault}", kind="malformed_json")


def _is_text(sent: bytes) -> bool:
    try:
        sent.decode()
    except UnicodeDecodeError:
        return False
    return True


def _on_unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    _log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return problem(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "unexpected server error; the server's log has the details",
        kind="unexpected",
    )


def _kind_of(error: RpsError) -> str:
    name = type(error).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
