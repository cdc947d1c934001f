"""Traffic to this machine never goes through a proxy, whatever HTTP_PROXY says."""

from collections.abc import MutableMapping
from urllib.request import getproxies

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def bypass_proxies(environ: MutableMapping[str, str], *hosts: str) -> None:
    """Except loopback and `hosts` from the proxies that HTTP clients take from `environ`.

    httpx, MLflow's client and botocore all read NO_PROXY; some prefer the name in lower case.
    """
    excepted = [part.strip() for name in ("no_proxy", "NO_PROXY") for part in environ.get(name, "").split(",")]
    # With any such variable, the proxies in the settings of macOS are ignored, so they become variables too.
    for scheme, proxy in getproxies().items():
        if scheme != "no":
            environ.setdefault(f"{scheme}_proxy", proxy)
    merged = ",".join(dict.fromkeys(filter(None, (*excepted, *LOOPBACK, *hosts))))
    environ.update(no_proxy=merged, NO_PROXY=merged)
