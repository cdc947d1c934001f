"""The address of a client: the peer of the connection, or the address that a trusted proxy reports."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

from litestar.connection import ASGIConnection

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Each of these headers means that a proxy forwarded the request.
FORWARDING_HEADERS = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip", b"x-forwarded-host", b"via"})


def client_address(connection: Connection, trusted_proxies: Iterable[Network] = ()) -> Address | None:
    """Return the address of the client, or None if it has no address, as behind a Unix socket.

    ``X-Forwarded-For`` counts only if the sender is in `trusted_proxies`. Read from its end, the first address that is
    not a trusted proxy is the client; the client itself may have written everything before it.
    """
    peer = parse_address(connection.client.host) if connection.client else None
    # Several headers of this name form one list, in their order.
    forwarded = b",".join(value for name, value in connection.scope["headers"] if name == b"x-forwarded-for")
    return resolve_address(peer, forwarded.decode("latin-1"), tuple(trusted_proxies))


def resolve_address(peer: Address | None, forwarded: str, trusted: tuple[Network, ...]) -> Address | None:
    """Return the client behind `peer`, given the value of ``X-Forwarded-For``; see `client_address`."""
    address = peer
    for hop in reversed([hop.strip() for hop in forwarded.split(",") if hop.strip()]):
        if address is None or not _is_in(address, trusted):
            return address
        named = parse_address(_without_port(hop))
        if named is None:
            # The proxy is trusted but reports no address, so its own address is the last one known.
            return address
        address = named
    return address


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Return the IP address in `text`, or None; an IPv4 address in IPv6 notation becomes IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def was_forwarded(connection: Connection) -> bool:
    """Return whether any header shows that a proxy forwarded the request."""
    return any(name in FORWARDING_HEADERS for name, _ in connection.scope["headers"])


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
