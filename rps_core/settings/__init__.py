"""Every setting of the product: one class for each concern, composed into `Settings`.

Values come from the environment or from mounted secret files, never from code. The names that operators know from the
original system are kept. `docs/settings.md` is generated from these classes, and a test keeps the two equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from rps_core.errors import SettingsError
from rps_core.settings.http import HttpSettings
from rps_core.settings.operations import OperationsSettings
from rps_core.settings.page import PageSettings
from rps_core.settings.play import PlaySettings
from rps_core.settings.promotion import PromotionSettings
from rps_core.settings.section import Section, variable
from rps_core.settings.services import ServiceSettings
from rps_core.settings.storage import StorageSettings
from rps_core.settings.training import TrainingSettings

__all__ = (
    "SECTIONS",
    "HttpSettings",
    "OperationsSettings",
    "PageSettings",
    "PlaySettings",
    "PromotionSettings",
    "Section",
    "ServiceSettings",
    "Settings",
    "StorageSettings",
    "TrainingSettings",
    "default_settings",
    "load_settings",
    "setting_fields",
    "variable",
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of one process, read once at its composition root; functions take the section they need."""

    storage: StorageSettings
    services: ServiceSettings
    http: HttpSettings
    page: PageSettings
    play: PlaySettings
    training: TrainingSettings
    promotion: PromotionSettings
    operations: OperationsSettings

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values; `changes` by field name, whatever section holds the field."""
        sections = {each.name: getattr(self, each.name) for each in fields(self)}
        return type(self)(
            **{
                name: section.model_copy(update=_of_section(type(section), changes))
                for name, section in sections.items()
            }
        )


SECTIONS: dict[str, type[Section]] = {each.name: each.type for each in fields(Settings)}  # type: ignore[misc]


def setting_fields() -> Iterator[tuple[type[Section], str, FieldInfo]]:
    """Yield section, field name and field of every setting, in the order of `docs/settings.md`."""
    for section in SECTIONS.values():
        for name, field in section.model_fields.items():
            yield section, name, field


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; `overrides` (by field name, of any section) win.

    Raises:
        SettingsError: a variable has a value that cannot work; the message names each such variable and its fault.
        TypeError: an override names no setting.
    """
    unknown = overrides.keys() - {name for _, name, _ in setting_fields()}
    if unknown:
        raise TypeError(f"no setting is called {', '.join(sorted(unknown))}")
    sections: dict[str, Any] = {}
    faults: list[str] = []
    for name, section in SECTIONS.items():
        try:
            sections[name] = section(**_of_section(section, overrides))
        except ValidationError as error:
            faults += [
                f"{'.'.join(str(part) for part in fault['loc']) or 'settings'}: {fault['msg']}"
                for fault in error.errors()
            ]
    if faults:
        raise SettingsError(f"the configuration cannot work: {'; '.join(faults)}")
    return Settings(**sections)


def default_settings() -> Settings:
    """Return the settings of a process without any variable in its environment; reads nothing."""
    sections: dict[str, Any] = {name: section.model_construct() for name, section in SECTIONS.items()}
    return Settings(**sections)


def _of_section(section: type[Section], values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in section.model_fields}
