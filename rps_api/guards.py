"""Who may use the operator endpoints: writes to models, the ledger, debug views.

With a token configured: whoever sends it. Without one: this machine alone. The original left all of them open to the
world, through the public ingress.
"""

import hmac
import ipaddress
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from rps_core.settings import Settings

Connection = ASGIConnection[Any, Any, Any, Any]
# A proxy on this machine makes every stranger look local; each of these says that one was there.
_PROXY_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via")


def requires_operator(connection: Connection, _: BaseRouteHandler) -> None:
    """Let operators pass.

    Raises:
        NotAuthorizedException: a token is configured and this is not it (401).
        PermissionDeniedException: no token is configured and the client is not on this machine (403).
    """
    settings: Settings = connection.app.state.settings
    if settings.api_token is not None:
        _require_token(connection, settings.api_token.get_secret_value())
    elif not is_local(connection):
        raise PermissionDeniedException(
            "operator endpoints answer only on this machine; set RPS_API_TOKEN and send it as a bearer token"
        )


def requires_prediction_access(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let operators pass, and everybody where predictions are public.

    Whoever can ask for the prediction before a move can foretell the bot: such a player won 22 of 24 games.
    """
    settings: Settings = connection.app.state.settings
    if not settings.public_predictions:
        requires_operator(connection, handler)


def is_local(connection: Connection) -> bool:
    """Return whether the request comes from a program on this machine, not through a proxy and not from a web page."""
    if connection.client is None or not _is_loopback(connection.client.host):
        return False
    headers = connection.headers
    if any(name in headers for name in _PROXY_HEADERS):
        return False
    # A page of another site can make the user's browser call loopback, also by a name that resolves to it.
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    host = _hostname(headers.get("host", ""))
    origin = headers.get("origin")
    return _is_loopback(host) and (origin is None or _is_loopback(_hostname(origin.partition("://")[2])))


def _require_token(connection: Connection, token: str) -> None:
    scheme, _, sent = connection.headers.get("authorization", "").partition(" ")
    # Compared as bytes in constant time, also when nothing was sent.
    matches = hmac.compare_digest(sent.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not matches:
        raise NotAuthorizedException(
            "this endpoint needs the operators' bearer token (RPS_API_TOKEN)", headers={"WWW-Authenticate": "Bearer"}
        )


def _hostname(netloc: str) -> str:
    return netloc[1:].partition("]")[0] if netloc.startswith("[") else netloc.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
