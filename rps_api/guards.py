"""Access to the operator endpoints: changes of models, the ledger and debug views.

If RPS_API_TOKEN is set, requests need this token; otherwise only programs on this machine have access. In the original,
these endpoints were public.
"""

import hmac

from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from rps_api.client_address import Connection, client_address, parse_address, was_forwarded
from rps_core.settings import HttpSettings


async def requires_operator(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard a route with `check_operator`; a coroutine, because Litestar runs plain guards in a slower thread."""
    check_operator(connection)


async def requires_prediction_access(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard a route with `check_operator` unless predictions are public.

    The prediction before a move reveals the bot's move: a player who asked for it won 22 of 24 games.
    """
    if not connection.app.state.public_predictions:
        check_operator(connection)


def check_operator(connection: Connection) -> None:
    """Refuse requests that are not from an operator.

    Raises:
        NotAuthorizedException: a token is configured and the request does not carry it (401).
        PermissionDeniedException: no token is configured and the client is not on this machine (403).
    """
    http: HttpSettings = connection.app.state.http_settings
    if http.api_token is not None:
        _require_token(connection, http.api_token.get_secret_value())
    elif not is_local(connection):
        raise PermissionDeniedException(
            "operator endpoints answer only on this machine; set RPS_API_TOKEN and send it as a bearer token"
        )


def is_local(connection: Connection) -> bool:
    """Return whether a program on this machine sent the request, without a proxy and not for another site's page."""
    http: HttpSettings = connection.app.state.http_settings
    address = client_address(connection, http.trusted_proxies)
    # A proxy on this machine makes every client look local, and even a trusted one may forward a forged header.
    if address is None or not address.is_loopback or was_forwarded(connection):
        return False
    headers = connection.headers
    # A page of another site can make the user's browser call loopback, even through a host name that resolves to it.
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    host = _hostname(headers.get("host", ""))
    origin = headers.get("origin")
    return _is_loopback(host) and (origin is None or _is_loopback(_hostname(origin.partition("://")[2])))


def _require_token(connection: Connection, token: str) -> None:
    scheme, _, sent = connection.headers.get("authorization", "").partition(" ")
    # Compare in constant time, even if no token was sent.
    matches = hmac.compare_digest(sent.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not matches:
        raise NotAuthorizedException(
            "this endpoint needs the operators' bearer token (RPS_API_TOKEN)", headers={"WWW-Authenticate": "Bearer"}
        )


def _hostname(netloc: str) -> str:
    return netloc[1:].partition("]")[0] if netloc.startswith("[") else netloc.partition(":")[0]


def _is_loopback(host: str) -> bool:
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
