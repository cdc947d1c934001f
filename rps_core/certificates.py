"""The certificate authorities that clients of HTTP trust, read once in a process."""

from functools import cache
from ssl import SSLContext


@cache
def trusted_authorities() -> SSLContext:
    """Return httpx's default: certifi's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR.

    Without it, each client of httpx parses them again, which takes 40 ms of processor time: more than the requests of a
    sensor's tick.
    """
    import httpx

    return httpx.create_ssl_context()
