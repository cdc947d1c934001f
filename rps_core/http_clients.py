"""Clients of HTTP, with the proxy and the certificate authorities that the environment names for one address.

httpx itself reads every such variable when it makes a client, so that a variable which it cannot read breaks calls that
do not need it. Here, a call to this machine needs none, and an error names the variable.
"""

import os
import re
import ssl
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rps_core.addresses import is_ambiguous
from rps_core.errors import RpsError
from rps_core.proxies import is_loopback, proxy_of

if TYPE_CHECKING:
    import httpx

_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class HttpSetupError(RpsError):
    """A variable of the environment names a proxy or certificates that cannot be used."""


def http_client(url: str, **options: Any) -> "httpx.Client":
    """Return a client for `url`; `options` are those of `httpx.Client`.

    Redirects from this machine to another one do not use a proxy or certificates.

    Raises:
        HttpSetupError: the proxy or the certificates for `url` cannot be used.
    """
    # The callers are imported when processes start that rarely need httpx.
    import httpx

    return httpx.Client(**_from_environment(url), **options)


def async_http_client(url: str, **options: Any) -> "httpx.AsyncClient":
    """Return a client for an event loop, like `http_client`."""
    import httpx

    return httpx.AsyncClient(**_from_environment(url), **options)


def require_usable_proxy(url: str) -> None:
    """Check the proxy for `url`, for libraries whose own errors do not name the variable.

    Raises:
        HttpSetupError: the proxy cannot be used.
    """
    _proxy(url)


def http_fault(error: Exception) -> str:
    """Return what an error of a request says, without the value of a header or a part of the address."""
    import httpx

    hidden = (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError)
    return type(error).__name__ if isinstance(error, hidden) else str(error) or type(error).__name__


@cache
def trusted_authorities() -> ssl.SSLContext:
    """Return httpx's default: certifi's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR.

    Without the cache, each client parses them again, which takes 40 ms of processor time: more than the requests of a
    sensor's tick.

    Raises:
        HttpSetupError: they cannot be read.
    """
    import httpx

    try:
        return httpx.create_ssl_context()
    except OSError as error:
        variable = next((name for name in _AUTHORITIES if os.environ.get(name)), None)
        if variable is None:
            raise
        reason = "is not a certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise HttpSetupError(
            f"{variable}={os.environ[variable]} cannot be read ({reason}); set it to a file of certificates in PEM "
            "format, or unset it"
        ) from error


@cache
def _no_authorities() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _from_environment(url: str) -> dict[str, Any]:
    import httpx

    try:
        parsed = httpx.URL(url)
        is_plain = parsed.scheme == "http" and is_loopback(parsed.host)
    except httpx.InvalidURL:
        # The request reports it, like every other failure.
        is_plain = True
    verify = _no_authorities() if is_plain else trusted_authorities()
    return {"trust_env": False, "proxy": _proxy(url), "verify": verify}


def _proxy(url: str) -> "httpx.Proxy | None":
    found = proxy_of(url)
    if found is None:
        return None
    import httpx

    address = found.address if "://" in found.address else f"http://{found.address}"
    # GNOME writes `socks` and means version 5.
    address = re.sub("^socks://", "socks5://", address)
    try:
        proxy = None if is_ambiguous(address) else httpx.Proxy(address)
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or not proxy.url.host:
        raise HttpSetupError(
            f"{found.variable} is not the URL of a proxy like http://proxy:3128; correct it (in a password, write / as "
            "%2F and # as %23), or name the host of the request in NO_PROXY"
        )
    if proxy.url.scheme.startswith("socks") and not find_spec("socksio"):
        raise HttpSetupError(
            f"{found.variable} names a SOCKS proxy, which this installation cannot use; install the packages socksio "
            "and pysocks, set an HTTP proxy, or name the host of the request in NO_PROXY"
        )
    return proxy
