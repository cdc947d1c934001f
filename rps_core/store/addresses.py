"""Addresses of databases: what messages may show of them."""

from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url

from rps_core.addresses import MASK, SHORTEST_SECRET

_SECRET_WORDS = ("password", "passwd", "secret", "token", "key")


def public_database(url: URL) -> str:
    """Return what anyone may see of a database URL: all but the passwords, also those among its options."""
    hidden = [name for name in url.query if _is_secret(name)]
    return url.difference_update_query(hidden).render_as_string(hide_password=True)


def database_secrets(url: str | URL) -> list[str]:
    """Return the passwords in a database URL."""
    parsed = make_url(url)
    options = [value for name, value in parsed.query.items() if _is_secret(name)]
    values = [parsed.password, *(part for value in options for part in ([value] if isinstance(value, str) else value))]
    return [value for value in values if value]


def without_secrets(message: str, url: str | URL) -> str:
    """Return a driver's message without the passwords of the database that it speaks of."""
    for secret in (found for found in database_secrets(url) if len(found) >= SHORTEST_SECRET):
        for written in {secret, quote(secret, safe=""), quote_plus(secret)}:
            message = message.replace(written, MASK)
    return message


def _is_secret(option: str) -> bool:
    return any(word in option.lower() for word in _SECRET_WORDS)
