"""What structs say about themselves in their docstrings and defaults, for the schemas of the document."""

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
from litestar.handlers import HTTPRouteHandler

_ATTRIBUTES = "Attributes:"


def structs_of(handlers: list[HTTPRouteHandler]) -> dict[str, type[msgspec.Struct]]:
    """Return the structs that `handlers` read and answer, by name, with everything inside them."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting: list[Any] = []
    for handler in handlers:
        waiting.append(handler.parsed_return_field.annotation)
        if handler.parsed_data_field is not None:
            waiting.append(handler.parsed_data_field.annotation)
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__name__ not in found:
            found[kind.__name__] = kind
            waiting.extend(get_type_hints(kind).values())
    return found


def described(schema: dict[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return a schema with what the struct says: a description, one for each attribute, and defaults."""
    text, attributes = parse_docstring(inspect.getdoc(struct) or "")
    properties = {name: dict(told) for name, told in schema.get("properties", {}).items()}
    for name, meaning in attributes:
        if name in properties:
            properties[name] = _with_text(properties[name], meaning)
    for field in msgspec.structs.fields(struct):
        default = _default(field)
        if field.encode_name in properties and default is not msgspec.NODEFAULT:
            properties[field.encode_name]["default"] = default
    return schema | {"description": text, "properties": properties}


def parse_docstring(doc: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the text of a Google docstring and its attributes; ``a, b: text`` means both."""
    text, _, listed = doc.partition(_ATTRIBUTES)
    attributes: list[tuple[str, str]] = []
    for names, meaning in _entries(inspect.cleandoc(listed)):
        attributes += [(name.strip(), meaning) for name in names.split(",")]
    return re.sub(r"\s+", " ", text).strip(), attributes


def _entries(listed: str) -> Iterator[tuple[str, str]]:
    names, words = "", ""
    for line in listed.splitlines():
        if line.startswith(" "):
            words += " " + line.strip()
            continue
        if names:
            yield names, words
        names, _, words = (part.strip() for part in line.partition(":"))
    if names:
        yield names, words


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default)
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    return msgspec.NODEFAULT


def _with_text(told: dict[str, Any], meaning: str) -> dict[str, Any]:
    # Beside a reference other keys are allowed since OpenAPI 3.1.
    return told | {"description": meaning[:1].upper() + meaning[1:] + ("" if meaning.endswith(".") else ".")}
