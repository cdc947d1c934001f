"""The access log: one line per answered request."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from rps_api.logs.context import GAME_ID, LONGEST_ID

_log = logging.getLogger(__name__)
# Machines poll these every few seconds, so successes would fill the log. Failures are logged.
PROBES = frozenset({"/metrics", "/healthz", "/readyz"})
# Routes with the game's id in the query. Queries and bodies themselves are never logged.
_ROUTES_WITH_GAME_QUERY = frozenset({"/round_points", "/recent"})


class AccessLog:
    """Writes one line per request: route template, status, duration and ids; never address, query, body or headers."""

    def answered(
        self, scope: Any, route: str, method: str, status: int, seconds: float, ids: Mapping[str, str]
    ) -> None:
        """Write the line; skip probes that succeed."""
        level = logging.WARNING if status >= 500 else logging.INFO
        if not _log.isEnabledFor(level) or (status < 400 and route in PROBES):
            return
        milliseconds = round(seconds * 1000, 2)
        fields: dict[str, Any] = {"method": method, "route": route, "status": status, "duration_ms": milliseconds}
        if GAME_ID not in ids:
            game_id = _game_in_url(scope, route)
            if game_id:
                fields[GAME_ID] = game_id[:LONGEST_ID]
        _log.log(level, f"{method} {route} {status} {milliseconds:.1f} ms", extra={"fields": fields})


def _game_in_url(scope: Any, route: str) -> str | None:
    game_id: str | None = scope.get("path_params", {}).get(GAME_ID)
    if game_id is None and route in _ROUTES_WITH_GAME_QUERY:
        game_id = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(GAME_ID, [None])[0]
    return game_id
