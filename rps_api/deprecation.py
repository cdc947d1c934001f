"""Headers of deprecated routes: each answer, errors included, names the replacement (RFC 9745, RFC 8288)."""

from typing import Any

# The original's oldest endpoints are deprecated since 1 November 2026.
DEPRECATED_SINCE = b"@1793491200"
# Route option with the path of the endpoint that replaces a deprecated one.
SUCCESSOR = "successor"


def deprecation_headers(scope: Any) -> tuple[tuple[bytes, bytes], ...]:
    """Return the deprecation headers of an answer; empty unless a deprecated route answers."""
    handler = scope.get("route_handler")
    if handler is None or not getattr(handler, "deprecated", False):
        return ()
    link = f'<{handler.opt[SUCCESSOR]}>; rel="successor-version"'
    return (b"deprecation", DEPRECATED_SINCE), (b"link", link.encode())
