"""Addresses from the configuration: what anyone may see of them, and the user and password that they may hold.

Links, messages, metadata and files show only `public_address`. Clients connect to it too and send the credentials
separately, so that no library can repeat them in an error.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

MASK = "***"
# Masking a shorter secret would garble ordinary words.
SHORTEST_SECRET = 6
_HOST_AND_PORT = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::\d*)?")


class Credentials(NamedTuple):
    """User and password of a server."""

    user: str
    password: str


class Address(NamedTuple):
    """An address without user and password, and both of them if it had any."""

    url: str
    credentials: Credentials | None


def parse_address(text: str) -> Address:
    """Split an address; a password may contain an unescaped ``@``, ``:`` or ``/``."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    host_end = next((at for at, character in enumerate(rest) if character in "/?#"), len(rest))
    # A part before the first slash that is not a host belongs to a password with a slash in it.
    is_host = _HOST_AND_PORT.fullmatch(rest[:host_end].rpartition("@")[2]) is not None
    userinfo_end = rest.rfind("@", 0, host_end if is_host else len(rest))
    if userinfo_end < 0:
        return Address(text, None)
    user, _, password = rest[:userinfo_end].partition(":")
    return Address(f"{scheme}{separator}{rest[userinfo_end + 1 :]}", Credentials(unquote(user), unquote(password)))


def is_ambiguous(text: str) -> bool:
    """Return whether an address has an ``@`` after its host, which may belong to a password that is not escaped."""
    url = parse_address(text).url
    host, *rest = re.split("[/?#]", url.partition("://")[2] or url, maxsplit=1)
    return bool(host) and any("@" in part for part in rest)


def public_address(text: str) -> str:
    """Return what anyone may see of an address: all but the user and the password."""
    return parse_address(text).url
