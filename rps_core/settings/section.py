"""The base class of the sections, how a field names its variable, and types that several sections use."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from rps_core.addresses import public_address

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Port = Annotated[int, Field(ge=1, le=65_535)]


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


def without_credentials(value: object) -> object:
    """Return an address without the user and password in it; return any other value unchanged."""
    return public_address(value.strip()) if isinstance(value, str) else value


def to_utc(value: datetime) -> datetime:
    """Convert a moment to UTC; without a time zone it is taken as UTC.

    Raises:
        ValueError: the moment is outside the years 1 to 9999 in UTC.
    """
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


def http_address(value: str) -> str:
    """Return an HTTP address, with ``http://`` if it has no scheme.

    Raises:
        ValueError: it is not an address.
    """
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("is not an HTTP address like http://localhost:9000")
    return address


class Section(BaseSettings):
    """Settings of one concern, read from the environment; a blank variable counts as unset.

    Attributes:
        title: heading of the section in `docs/settings.md`.
    """

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        secrets_dir=None,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )
    title: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if not isinstance(value, str) or value.strip()}
