"""Writes `docs/settings.md` from the settings themselves: `python -m rps_cli.settings_reference`."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from rps_core.markdown import markdown_table
from rps_core.settings import SECTIONS, Section, variable

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
REGENERATE = "python -m rps_cli.settings_reference"
_INTRODUCTION = f"""\
# Settings

Every setting is an environment variable. A value that cannot work stops the process at its start with a sentence that
names the variable. Written by `{REGENERATE}`; change `rps_core/settings/`, not this page.
"""
_BOUNDS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}


def settings_markdown() -> str:
    """Return the page: one table for each section of the settings, in their order."""
    blocks = [_INTRODUCTION]
    for section in SECTIONS.values():
        rows = [_row(name, field, section) for name, field in section.model_fields.items()]
        header = f"## {section.title}\n\n{section.__doc__}\n"
        table = markdown_table(("Variable", "Default", "Values", "Meaning"), rows)
        blocks.append(f"{header}\n{table}\n")
    return "\n".join(blocks)


def _row(name: str, field: FieldInfo, section: type[Section]) -> tuple[str, ...]:
    return f"`{variable(field)}`", _default(field.default), _values(name, field, section), field.description or ""


def _default(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`" if value else "none"
    return f"`{value.isoformat() if isinstance(value, datetime) else value}`" if str(value) else "empty"


def _values(name: str, field: FieldInfo, section: type[Section]) -> str:
    choices = dict.fromkeys(_literals(field.annotation))
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    kinds = set(_leaves(field.annotation))
    for kind, word in ((SecretStr, "secret"), (bool, "`true`, `false`"), (datetime, "ISO 8601"), (Path, "path")):
        if kind in kinds:
            return word
    number = "whole number" if int in kinds else "number" if float in kinds else "text"
    # The bounds of an optional number stay inside its annotation; pydantic lifts only those of a plain one.
    bounds = [*field.metadata, *_annotations(section.__annotations__[name])]
    return ", ".join(dict.fromkeys([number, *(text for bound in bounds for text in _bound(bound))]))


def _bound(bound: Any) -> Iterator[str]:
    for kind, (attribute, word) in _BOUNDS.items():
        if isinstance(bound, kind):
            yield f"{word} {getattr(bound, attribute)}"


def _leaves(annotation: Any) -> Iterator[Any]:
    parts = get_args(annotation)
    if not parts or get_origin(annotation) is Literal:
        yield annotation
    for part in parts:
        yield from _leaves(part)


def _literals(annotation: Any) -> Iterator[Any]:
    for leaf in _leaves(annotation):
        if get_origin(leaf) is Literal:
            yield from get_args(leaf)


def _annotations(annotation: Any) -> Iterator[Any]:
    """Yield what Annotated types inside an annotation carry, such as the bounds of an optional share."""
    if get_origin(annotation) is Annotated:
        for extra in annotation.__metadata__:
            yield from extra.metadata if isinstance(extra, FieldInfo) else [extra]
        return
    for part in get_args(annotation):
        yield from _annotations(part)


if __name__ == "__main__":
    PAGE.write_text(settings_markdown(), encoding="utf-8")
