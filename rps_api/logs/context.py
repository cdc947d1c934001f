"""The ids of the request that is being served, wherever in its code one is."""

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import MappingProxyType

REQUEST_ID, GAME_ID, MODEL_VERSION, RUN_ID = "request_id", "game_id", "model_version", "run_id"
LONGEST_ID = 64
_NONE: Mapping[str, str] = MappingProxyType({})
# One dictionary a request, which is changed in place: handlers run in threads, whose context is a copy.
_current: ContextVar[dict[str, str] | None] = ContextVar("rps_request_ids", default=None)
# What a client may choose as an id: nothing that could be a second line or field of a log.
_SENT_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class RequestIds:
    """Opens and closes the ids of one request; `values` grows while it is served."""

    __slots__ = ("_token", "request_id", "values")

    def __init__(self, sent: bytes | None = None) -> None:
        self.request_id = sent.decode() if sent and _SENT_ID.fullmatch(sent) else os.urandom(8).hex()
        self.values = {REQUEST_ID: self.request_id}
        self._token: Token[dict[str, str] | None] = _current.set(self.values)

    def close(self) -> None:
        """Forget the request; to be called in the context that opened it."""
        _current.reset(self._token)


def note(**ids: str | None) -> None:
    """Add ids to the request that is being served, such as ``game_id``; does nothing outside a request."""
    values = _current.get()
    if values is not None:
        values.update((name, value[:LONGEST_ID]) for name, value in ids.items() if value)


def request_ids() -> Mapping[str, str]:
    """Return the ids of the request that is being served; none outside a request."""
    return _current.get() or _NONE
