"""The limits as hooks of routes: they run before the body is read, and answer 429 with the seconds to wait.

Hooks and not guards, for which the framework copies the whole route at each request. Coroutines although they wait for
nothing: it runs plain functions in a thread, which takes longer.
"""

import ipaddress
import math
from typing import Any

from litestar import Request
from litestar.exceptions import TooManyRequestsException

from rps_api.client_address import Address, Connection, client_address, was_forwarded
from rps_api.limits.limiter import RateLimiter, RateLimits
from rps_core.settings import HttpSettings

# Providers give each customer at least this much of IPv6: a client is a network there, not an address.
IPV6_CLIENT_PREFIX = 64


async def limits_starts(request: Request[Any, Any, Any]) -> None:
    """Let a client start only so many games a minute.

    Raises:
        TooManyRequestsException: it started more (429).
    """
    limits: RateLimits = request.app.state.rate_limits
    _require_rate(request, limits.starts, "games are started")


async def limits_plays(request: Request[Any, Any, Any]) -> None:
    """Let a client play only so many rounds a minute.

    Raises:
        TooManyRequestsException: it played more (429).
    """
    limits: RateLimits = request.app.state.rate_limits
    _require_rate(request, limits.plays, "rounds are played")


def client_key(address: Address | None) -> str:
    """Return what counts as one client: an IPv4 address, an IPv6 network, or everybody behind a Unix socket."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_CLIENT_PREFIX), strict=False))
    return str(address)


def _require_rate(connection: Connection, limiter: RateLimiter, what: str) -> None:
    http: HttpSettings = connection.app.state.http_settings
    address = client_address(connection, http.trusted_proxies)
    if address is not None and address.is_loopback and not was_forwarded(connection):
        return
    seconds = limiter.seconds_to_wait(client_key(address))
    if seconds <= 0:
        return
    wait = math.ceil(seconds)
    raise TooManyRequestsException(
        f"{what} faster than this service allows; try again in {wait} s", headers={"Retry-After": str(wait)}
    )
