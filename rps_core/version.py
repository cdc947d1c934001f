"""The installed version of the product."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Return the version, or ``unknown`` in a checkout that was never installed."""
    try:
        return version("rps-quest")
    except PackageNotFoundError:
        return "unknown"
