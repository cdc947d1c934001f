"""What the sections of the settings share: how a field names its variable, and types used by several of them."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AliasChoices, Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Port = Annotated[int, Field(ge=1, le=65_535)]


def setting(env: str, default: Any, description: str, **constraints: Any) -> Any:
    """Return a field that is read from the environment variable `env`."""
    return Field(default=default, validation_alias=AliasChoices(env), description=description, **constraints)


def variable(field: FieldInfo) -> str:
    """Return the environment variable of a field."""
    alias = field.validation_alias
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)


def split_commas(value: object) -> object:
    """Split the text of a list at its commas; leave anything else as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def to_utc(value: datetime) -> datetime:
    """Return a moment in UTC; one without a zone is read as UTC.

    Raises:
        ValueError: the moment has no place between the years 1 and 9999 in UTC.
    """
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


class Section(BaseSettings):
    """Settings of one concern, read from the environment.

    Attributes:
        title: heading of the section in `docs/settings.md`.
    """

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, secrets_dir=None, hide_input_in_errors=True
    )
    title: ClassVar[str]
