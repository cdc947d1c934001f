"""Deprecated routes say so in every answer, errors included, and name what replaces them (RFC 9745, RFC 8288)."""

from typing import Any

# The moment since which the original's oldest endpoints are deprecated here: 1 November 2026.
DEPRECATED_SINCE = b"@1793491200"
# Option of a deprecated route: the path of the endpoint that replaces it.
SUCCESSOR = "successor"


def deprecation_headers(scope: Any) -> tuple[tuple[bytes, bytes], ...]:
    """Return what the answer of a route carries; nothing where it is not deprecated, or none answers."""
    handler = scope.get("route_handler")
    if handler is None or not getattr(handler, "deprecated", False):
        return ()
    link = f'<{handler.opt[SUCCESSOR]}>; rel="successor-version"'
    return (b"deprecation", DEPRECATED_SINCE), (b"link", link.encode())
