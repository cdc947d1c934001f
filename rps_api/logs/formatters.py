"""What a line looks like. `chosen_formatter` is named in `logging.json`."""

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from rps_api.logs.context import request_ids
from rps_core.settings import Settings, load_settings

HIDDEN = "***"
# A shorter secret would tear holes into ordinary words.
SHORTEST_SECRET = 6
# Where the message says the same already, text shows only the ids.
_SAID_IN_TEXT = frozenset({"method", "route", "status", "duration_ms"})


def chosen_formatter() -> logging.Formatter:
    """Return the formatter that RPS_LOG_FORMAT asks for: by itself, text on a terminal and JSON elsewhere.

    Raises:
        SettingsError: the configuration cannot work.
    """
    settings = load_settings()
    text = settings.operations.log_format == "text" or (
        settings.operations.log_format == "auto" and sys.stdout.isatty()
    )
    return TextFormatter(secrets_of(settings)) if text else JsonFormatter(secrets_of(settings))


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return every secret of the configuration, so that no line shows one, whatever a library puts into its errors."""
    named = (
        settings.http.api_token,
        settings.storage.minio_secret_key,
        settings.storage.minio_access_key,
        settings.operations.alert_webhook_url,
    )
    found = [secret.get_secret_value() for secret in named if secret is not None]
    # Whoever opens the database or asks the registry says what is wrong with its address.
    for address in (settings.storage.database_url, settings.services.mlflow_tracking_uri):
        with suppress(ArgumentError):
            password = make_url(address).password or ""
            found += [password, quote(password, safe=""), quote_plus(password)]
    return tuple(sorted({secret for secret in found if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True))


class _HidingFormatter(logging.Formatter):
    """Replaces secrets; `fields` of a record and the ids of the request are part of its line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without secrets."""
        line = self.line(record)
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, HIDDEN)
        return line

    def line(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        raise NotImplementedError

    def problem(self, record: logging.LogRecord) -> str | None:
        """Return the traceback of a record that has one."""
        if record.exc_info and record.exc_info[0] is not None:
            return self.formatException(record.exc_info)
        return record.exc_text


class JsonFormatter(_HidingFormatter):
    """One JSON object a line: time (UTC), level, logger, message, ids of the request, fields, exception."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the object as text; line breaks inside it are escaped."""
        shown: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **request_ids(),
            **getattr(record, "fields", {}),
        }
        problem = self.problem(record)
        if problem is not None:
            shown["exception"] = problem
        return _ENCODER.encode(shown).decode()


class TextFormatter(_HidingFormatter):
    """Time, level, logger, message and the ids; a traceback follows on lines of its own."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the line; what stands in a message cannot begin a new one."""
        fields = {**request_ids(), **getattr(record, "fields", {})}
        ids = "".join(f" {name}={value}" for name, value in fields.items() if name not in _SAID_IN_TEXT)
        said = f"{record.getMessage()}{ids}".replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_moment(record)} {record.levelname:<7} {record.name}: {said}"
        problem = self.problem(record)
        return line if problem is None else f"{line}\n{problem}"


_ENCODER = msgspec.json.Encoder(enc_hook=str)


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
