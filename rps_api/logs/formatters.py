"""The format of a log line. `logging.json` names `configured_formatter`."""

import logging
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
from structlog.processors import JSONRenderer, format_exc_info
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from rps_api.logs.context import request_ids
from rps_core.addresses import MASK, SHORTEST_SECRET, parse_address
from rps_core.settings import Settings, load_settings

# The text format leaves these out: its message already contains them.
_IN_THE_MESSAGE = frozenset({"method", "route", "status", "duration_ms"})


def configured_formatter() -> logging.Formatter:
    """Return the formatter that RPS_LOG_FORMAT names; `auto` means text on a terminal and JSON elsewhere.

    Raises:
        SettingsError: the configuration is invalid.
    """
    # No line shows threads or processes, and looking them up costs a sixth of a line's time.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    settings = load_settings()
    text = settings.operations.log_format == "text" or (
        settings.operations.log_format == "auto" and sys.stdout.isatty()
    )
    return text_formatter(secrets_of(settings)) if text else json_formatter(secrets_of(settings))


def json_formatter(secrets: Collection[str] = ()) -> logging.Formatter:
    """Return a formatter that writes one JSON object per record and masks `secrets`."""
    return _formatter(JSONRenderer(serializer=_to_json), secrets)


def text_formatter(secrets: Collection[str] = ()) -> logging.Formatter:
    """Return a formatter that writes one line of text per record, then the traceback, and masks `secrets`."""
    return _formatter(_to_text, secrets)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return every secret of the configuration, longest first. Libraries may put one into an error message."""
    secrets = (
        settings.http.api_token,
        settings.storage.minio_secret_key,
        settings.storage.minio_access_key,
        settings.operations.alert_webhook_url,
    )
    found = [secret.get_secret_value() for secret in secrets if secret is not None]
    services = settings.services
    addresses = [services.api_base_url, services.dagster_base_url, services.mlflow_tracking_uri]
    addresses += [settings.storage.cache_url, settings.storage.data_url]
    logins = (services.mlflow_credentials, *(parse_address(address).credentials for address in addresses))
    passwords = [login.password for login in logins if login is not None]
    if database := settings.storage.database_url_override:
        # Imported here: SQLAlchemy takes 16 MB in Granian's process, which needs it for nothing else.
        from rps_core.store.addresses import database_secrets

        passwords += database_secrets(database)
    # Drivers and clients quote the URL that they could not reach, with the password as it is or encoded.
    for password in passwords:
        found += [password, quote(password, safe=""), quote_plus(password)]
    return tuple(sorted({secret for secret in found if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True))


def _formatter(renderer: Processor, secrets: Collection[str]) -> ProcessorFormatter:
    def mask(_: Any, __: str, line: Any) -> Any:
        for secret in secrets:
            if secret in line:
                line = line.replace(secret, MASK)
        return line

    return ProcessorFormatter(processors=[_fields_of_record, format_exc_info, renderer, mask])


def _fields_of_record(_: Any, __: str, event: EventDict) -> EventDict:
    """Return the fields of a line in their order; the access log passes its own as `extra={"fields": …}`."""
    record: logging.LogRecord = event["_record"]
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields = {
        "time": time.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": event["event"],
        **request_ids(),
        **getattr(record, "fields", {}),
    }
    exc_info = event.get("exc_info")
    if exc_info and exc_info[0] is not None:
        fields["exc_info"] = exc_info
    return fields


_ENCODER = msgspec.json.Encoder(enc_hook=str)


def _to_json(fields: EventDict, **_: Any) -> str:
    return _ENCODER.encode(fields).decode()


def _to_text(_: Any, __: str, fields: EventDict) -> str:
    time, level, logger, message = (fields.pop(name) for name in ("time", "level", "logger", "message"))
    exception = fields.pop("exception", None)
    ids = "".join(f" {name}={value}" for name, value in fields.items() if name not in _IN_THE_MESSAGE)
    # A message must not be able to forge a second line.
    text = f"{message}{ids}".replace("\r", "\\r").replace("\n", "\\n")
    line = f"{time} {level.upper():<7} {logger}: {text}"
    return line if exception is None else f"{line}\n{exception}"
