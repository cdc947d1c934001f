"""The line of each answered request."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from rps_api.logs.context import GAME_ID, LONGEST_ID

_log = logging.getLogger(__name__)
# Asked every few seconds by machines, so that they would be most of a log; what goes wrong there is told all the same.
PROBES = frozenset({"/metrics", "/healthz", "/readyz"})
# Named in the query there and nowhere else; queries and bodies themselves are never logged.
_GAMES_OF_A_QUERY = frozenset({"/round_points", "/recent"})


class AccessLog:
    """Writes one line a request: route template, status, duration and ids. No address, no query, no body, no header."""

    def answered(
        self, scope: Any, route: str, method: str, status: int, seconds: float, ids: Mapping[str, str]
    ) -> None:
        """Write the line, unless a probe was answered as it should be."""
        level = logging.WARNING if status >= 500 else logging.INFO
        if not _log.isEnabledFor(level) or (status < 400 and route in PROBES):
            return
        milliseconds = round(seconds * 1000, 2)
        fields: dict[str, Any] = {"method": method, "route": route, "status": status, "duration_ms": milliseconds}
        if GAME_ID not in ids:
            game_id = _game_in_address(scope, route)
            if game_id:
                fields[GAME_ID] = game_id[:LONGEST_ID]
        said = f"{method} {route} {status} {milliseconds:.1f} ms"
        # What `log` would do, but for looking through the stack for a line of source that no format shows.
        _log.handle(_log.makeRecord(_log.name, level, __file__, 0, said, (), None, extra={"fields": fields}))


def _game_in_address(scope: Any, route: str) -> str | None:
    named: str | None = scope.get("path_params", {}).get(GAME_ID)
    if named is None and route in _GAMES_OF_A_QUERY:
        named = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(GAME_ID, [None])[0]
    return named
