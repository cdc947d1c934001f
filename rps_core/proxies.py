"""Which proxy a request takes: the environment names it, and traffic to this machine never takes one."""

import ipaddress
import os
import re
from collections.abc import MutableMapping
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BRACKETS = re.compile(r"^\[(.*)\](/\d+)?$")


class NamedProxy(NamedTuple):
    """A proxy and the variable that names it. The address may contain a password."""

    variable: str
    address: str


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to a service that listens on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def bypass_proxies(environ: MutableMapping[str, str], *hosts: str) -> None:
    """Except loopback and `hosts` from the proxies that HTTP clients take from `environ`.

    MLflow's client and botocore read NO_PROXY, as `proxy_of` does; some prefer the name in lower case.
    """
    excepted = [part.strip() for name in ("no_proxy", "NO_PROXY") for part in environ.get(name, "").split(",")]
    # With any such variable, the proxies in the settings of macOS are ignored, so they become variables too.
    given = {name.lower() for name in environ}
    for scheme, proxy in getproxies().items():
        # Not a second name for a given variable: errors name the one that was set.
        if scheme != "no" and f"{scheme}_proxy" not in given:
            environ[f"{scheme}_proxy"] = proxy
    merged = ",".join(dict.fromkeys(filter(None, (*excepted, *LOOPBACK, *hosts))))
    environ.update(no_proxy=merged, NO_PROXY=merged)


def proxy_of(url: str) -> NamedProxy | None:
    """Return the proxy of this process for a URL, or None if it is reached directly."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        # The client reports what is wrong with the URL.
        return None
    proxies = getproxies()
    if (
        parts.scheme not in {"http", "https"}
        or not host
        or is_loopback(host)
        or _is_excepted(host, port, proxies.get("no", ""))
    ):
        return None
    for kind in (parts.scheme, "all"):
        if address := proxies.get(kind, "").strip():
            names = (f"{kind}_proxy", f"{kind}_proxy".upper())
            variable = next((name for name in names if os.environ.get(name)), names[-1])
            return NamedProxy(variable, address)
    return None


def _is_excepted(host: str, port: int | None, exceptions: str) -> bool:
    """Return whether NO_PROXY excepts a host, by its name, its domain, its address or a range of addresses."""
    return any(_matches(host, port, name) for name in re.split(r"[\s,]+", exceptions.lower()) if name)


def _matches(host: str, port: int | None, name: str) -> bool:
    if name == "*":
        return True
    name = name.rpartition("://")[2]
    try:
        addresses = ipaddress.ip_network(_BRACKETS.sub(r"\1\2", name), strict=False)
        return ipaddress.ip_address(host) in addresses
    except ValueError:
        domain = name.removeprefix("*").removeprefix(".")
    numbered = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return domain in {host, numbered} or host.endswith(f".{domain}") or numbered.endswith(f".{domain}")
