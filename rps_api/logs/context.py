"""The ids of the current request, available anywhere in the code that serves it."""

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import MappingProxyType

REQUEST_ID, GAME_ID, MODEL_VERSION, RUN_ID = "request_id", "game_id", "model_version", "run_id"
LONGEST_ID = 64
_NONE: Mapping[str, str] = MappingProxyType({})
# One dictionary per request, changed in place: threads run handlers with a copy of the context.
_current: ContextVar[dict[str, str] | None] = ContextVar("rps_request_ids", default=None)
# Ids that clients may send: nothing that could forge another line or field of the log.
_SENT_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class RequestIds:
    """The ids of one request, from its start until `close`; handlers add to `values` through `note`."""

    __slots__ = ("_token", "request_id", "values")

    def __init__(self, sent: bytes | None = None) -> None:
        self.request_id = sent.decode() if sent and _SENT_ID.fullmatch(sent) else os.urandom(8).hex()
        self.values = {REQUEST_ID: self.request_id}
        self._token: Token[dict[str, str] | None] = _current.set(self.values)

    def close(self) -> None:
        """Forget the request. Call it in the context that created this object."""
        _current.reset(self._token)


def note(**ids: str | None) -> None:
    """Add ids such as ``game_id`` to the log lines of the current request; does nothing outside a request."""
    values = _current.get()
    if values is not None:
        values.update((name, value[:LONGEST_ID]) for name, value in ids.items() if value)


def request_ids() -> Mapping[str, str]:
    """Return the ids of the current request; empty outside a request."""
    return _current.get() or _NONE
