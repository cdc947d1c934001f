"""The base class of the sections, how a field names its variable, and types that several sections use."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from rps_core.addresses import is_ambiguous, parse_address, public_address

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Port = Annotated[int, Field(ge=1, le=65_535)]
# A century. Spans of time end in the year 9999, so longer ones cannot be subtracted from now.
MAX_DAYS = 36_500
MAX_SECONDS = 1_000_000_000
# Fits 32 bits, which some libraries count with.
MAX_COUNT = 1_000_000_000


def setting(env: str, default: Any, description: str, *, form: str | None = None, **constraints: Any) -> Any:
    """Return a field that is read from an environment variable.

    Args:
        env: the variable.
        default: the value without it.
        description: the meaning, as `docs/settings.md` shows it.
        form: the accepted form in words, for text that has one; other types describe themselves.
        constraints: pydantic's, such as bounds.
    """
    extra: JsonDict | None = None if form is None else {"form": form}
    alias = AliasChoices(env)
    return Field(
        default=default, validation_alias=alias, description=description, json_schema_extra=extra, **constraints
    )


def variable(field: FieldInfo) -> str:
    """Return the environment variable of a field."""
    alias = field.validation_alias
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)


def setting_format(field: FieldInfo) -> str | None:
    """Return the accepted form of a field in words, or None if its type says enough."""
    extra = field.json_schema_extra
    return str(extra["form"]) if isinstance(extra, dict) else None


def split_commas(value: object) -> object:
    """Split text at its commas, without blanks and empty parts; return any other value unchanged."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def require_clear_credentials(address: str) -> str:
    """Return an address whose user and password end where they seem to.

    Raises:
        ValueError: a part that looks like a host, a path or a query may belong to the password, and would be shown.
    """
    if is_ambiguous(address):
        raise ValueError(
            "has an @ after the first /, ? or #; in a password write / as %2F, ? as %3F and # as %23, elsewhere @ as "
            "%40"
        )
    return address


def without_credentials(value: object) -> object:
    """Return an address without the user and password in it; return any other value unchanged.

    Raises:
        ValueError: it is not clear where the password ends.
    """
    return public_address(require_clear_credentials(value)) if isinstance(value, str) else value


def local_path(value: object) -> object:
    """Return a path with the home folder in place of ``~``; return anything but text unchanged.

    Raises:
        ValueError: it is a URL, or holds a variable that no shell has replaced.
    """
    if not isinstance(value, str):
        return value
    if re.match(r"[A-Za-z][\w+.-]+:/", value):
        raise ValueError("is a URL; write the path alone, like /srv/rps")
    if value.startswith("$") or "${" in value:
        raise ValueError("holds a variable that nothing has replaced; write the path out, like /srv/rps")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("starts with ~ for a home folder that is not known; write the path out") from None


LocalPath = Annotated[Path, BeforeValidator(local_path)]


def written_date(value: object) -> object:
    """Return a date without separators, 20251001, in the form with them; return anything else unchanged.

    Raises:
        ValueError: a bare number, which would count as seconds since 1970.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[+-]?\d+(\.\d*)?", value):
        return value
    if not re.fullmatch(r"(19|2\d)\d{6}", value):
        raise ValueError("is a bare number; write a date like 2025-10-01 or 2025-10-01T08:00:00Z")
    return f"{value[:4]}-{value[4:6]}-{value[6:]}"


def to_utc(value: datetime) -> datetime:
    """Convert a moment to UTC; without a time zone it is taken as UTC.

    Raises:
        ValueError: the moment is outside the years 1 to 9999 in UTC.
    """
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


Moment = Annotated[datetime, BeforeValidator(written_date), AfterValidator(to_utc)]


def http_address(value: str) -> str:
    """Return an HTTP address with its scheme in lower case, ``http`` if it has none.

    Raises:
        ValueError: it is not an address, or it is not clear where its password ends.
    """
    scheme, _, rest = (value if "://" in value else f"http://{value}").partition("://")
    address = require_clear_credentials(f"{scheme.lower()}://{rest}")
    try:
        parts = urlsplit(parse_address(address).url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("is not an HTTP address like http://localhost:9000")
    return address


class Section(BaseSettings):
    """Settings of one concern, read from the environment.

    A blank variable counts as unset. White space around a value does not belong to it, nor do quotes except in secrets.

    Attributes:
        title: heading of the section in `docs/settings.md`.
    """

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        secrets_dir=None,
        hide_input_in_errors=True,
    )
    title: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        secrets = {
            key for name, field in cls.model_fields.items() if _is_secret(field) for key in (name, variable(field))
        }
        written = {name: _written(value, secret=name in secrets) for name, value in values.items()}
        return {name: value for name, value in written.items() if value != ""}


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


def _written(value: Any, *, secret: bool) -> Any:
    """Return text without white space around it, and without the quotes that files of variables leave there."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted and not secret else text
