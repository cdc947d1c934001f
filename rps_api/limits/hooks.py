"""The limits as hooks of routes; they run before the body is read and answer 429 with the seconds to wait.

They are hooks because Litestar copies the whole route on each request that has guards, and coroutines because it runs
plain functions in a thread; both are slower.
"""

import ipaddress
import math
from typing import Any

from litestar import Request
from litestar.exceptions import TooManyRequestsException

from rps_api.client_address import Address, Connection, client_address, was_forwarded
from rps_api.limits.limiter import RateLimiter, RateLimits
from rps_core.settings import HttpSettings

# Providers give each customer at least a /64 network, so one IPv6 client is a network and not an address.
IPV6_CLIENT_PREFIX = 64


async def limits_starts(request: Request[Any, Any, Any]) -> None:
    """Limit how many games a client starts per minute.

    Raises:
        TooManyRequestsException: the client is over the limit (429).
    """
    limits: RateLimits = request.app.state.rate_limits
    _require_rate(request, limits.starts, "too many games started")


async def limits_plays(request: Request[Any, Any, Any]) -> None:
    """Limit how many rounds a client plays per minute.

    Raises:
        TooManyRequestsException: the client is over the limit (429).
    """
    limits: RateLimits = request.app.state.rate_limits
    _require_rate(request, limits.plays, "too many rounds played")


def client_key(address: Address | None) -> str:
    """Return the key of a client: an IPv4 address, an IPv6 network, or one key for all clients of a Unix socket."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_CLIENT_PREFIX), strict=False))
    return str(address)


def _require_rate(connection: Connection, limiter: RateLimiter, complaint: str) -> None:
    http: HttpSettings = connection.app.state.http_settings
    address = client_address(connection, http.trusted_proxies)
    if address is not None and address.is_loopback and not was_forwarded(connection):
        return
    seconds = limiter.seconds_to_wait(client_key(address))
    if seconds <= 0:
        return
    wait = math.ceil(seconds)
    raise TooManyRequestsException(
        f"{complaint} by this client; try again in {wait} s", headers={"Retry-After": str(wait)}
    )
