"""Every setting of the product: one class for each concern, composed into `Settings`.

Values come from environment variables, whose names are those of the original system. `docs/settings.md` is generated
from these classes, and a test keeps the two equal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from rps_core.errors import SettingsError, is_harmless
from rps_core.settings.accepted import accepted_values
from rps_core.settings.http import HttpSettings
from rps_core.settings.operations import OperationsSettings
from rps_core.settings.page import PageSettings
from rps_core.settings.play import PlaySettings
from rps_core.settings.promotion import PromotionSettings
from rps_core.settings.retention import RetentionSettings
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
    "RetentionSettings",
    "Section",
    "ServiceSettings",
    "Settings",
    "StorageSettings",
    "TrainingSettings",
    "accepted_values",
    "default_settings",
    "load_settings",
    "setting_fields",
    "variable",
)


_RANGE, _SPAN = re.compile(r"(whole )?number, at least ([\d.,]*\d), at most ([\d.,]*\d)"), r"\2 to \3"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of one process, read once where the process starts; functions take the section they need."""

    storage: StorageSettings
    services: ServiceSettings
    http: HttpSettings
    page: PageSettings
    play: PlaySettings
    training: TrainingSettings
    promotion: PromotionSettings
    operations: OperationsSettings
    retention: RetentionSettings


SECTIONS: dict[str, type[Section]] = {part.name: part.type for part in fields(Settings)}  # type: ignore[misc]


def setting_fields() -> Iterator[tuple[type[Section], str, FieldInfo]]:
    """Yield the section, the field's name and the field of every setting, in the order of `docs/settings.md`."""
    for section in SECTIONS.values():
        for name, field in section.model_fields.items():
            yield section, name, field


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; `overrides`, named by field, take precedence.

    Raises:
        SettingsError: a variable is not valid; the message names each such variable and what it accepts.
        TypeError: an override does not name a setting.
    """
    unknown = overrides.keys() - {name for _, name, _ in setting_fields()}
    if unknown:
        raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
    sections: dict[str, Any] = {}
    faults: list[str] = []
    for name, section in SECTIONS.items():
        try:
            sections[name] = section(**{field: overrides[field] for field in overrides.keys() & section.model_fields})
        except ValidationError as error:
            faults += _faults(section, error)
    if faults:
        raise SettingsError(f"the configuration is not valid: {'; '.join(faults)}")
    return Settings(**sections)


def default_settings() -> Settings:
    """Return the settings of a process whose environment is empty; reads nothing."""
    sections: dict[str, Any] = {name: section.model_construct() for name, section in SECTIONS.items()}
    return Settings(**sections)


def _faults(section: type[Section], error: ValidationError) -> list[str]:
    """Return one sentence for each variable that is not valid."""
    names = {variable(field): name for name, field in section.model_fields.items()}
    faults: dict[str, str] = {}
    for fault in error.errors():
        env = str(fault["loc"][0]) if fault["loc"] else ""
        if fault["type"] == "value_error":
            # Raised by our own validators, which phrase what follows the variable's name.
            sentence = f"{env} {fault['ctx']['error']}".strip()
            faults.setdefault(sentence, sentence)
        else:
            value = str(fault["input"]).strip()
            shown = f"{env}={value}" if is_harmless(value) else env
            accepted = accepted_values(section, names.get(env, env)).replace("`", "")
            # One for each variable, although each alternative of its type fails.
            sentence = f"{shown} {_problem(str(fault['type']), value)}; use {_RANGE.sub(_SPAN, accepted)}"
            faults.setdefault(env, sentence)
    return list(faults.values())


def _problem(kind: str, value: str) -> str:
    if kind.startswith(("int_", "float_", "finite_")):
        try:
            return "is not a whole number" if isfinite(float(value)) else "is not a number"
        except ValueError:
            return "is not a number"
    if kind.startswith("greater_than"):
        return "is too small"
    return "is too large" if kind.startswith("less_than") else "is not valid"
