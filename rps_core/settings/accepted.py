"""What a setting accepts, in words: for `docs/settings.md` and for the error about a value that is not valid."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from rps_core.settings.section import Section, setting_format

_BOUNDS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}


def accepted_values(section: type[Section], name: str) -> str:
    """Return what a field of a section accepts, like ``whole number, at least 1``; choices are in backticks."""
    field = section.model_fields[name]
    text = setting_format(field)
    if text is not None:
        return text
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
            value = getattr(bound, attribute)
            yield f"{word} {value:,}" if value >= 100_000 else f"{word} {value}"


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
    """Yield the constraints inside an annotation, such as the bounds of an optional share."""
    if get_origin(annotation) is Annotated:
        for extra in annotation.__metadata__:
            yield from extra.metadata if isinstance(extra, FieldInfo) else [extra]
        return
    for part in get_args(annotation):
        yield from _annotations(part)
