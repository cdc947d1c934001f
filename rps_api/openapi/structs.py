"""The schemas of structs, as the library that checks requests writes them, with what docstrings say about attributes.

The framework's own schemas lose bounds: a least value of 0, and whatever stands inside a list.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any, TypeAlias, get_args, get_type_hints

import msgspec
from litestar.handlers import HTTPRouteHandler

Json: TypeAlias = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
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


def struct_schemas(handlers: list[HTTPRouteHandler]) -> dict[str, Json]:
    """Return the schemas of what `handlers` read and answer, by name."""
    structs = structs_of(handlers)
    _, schemas = msgspec.json.schema_components(structs.values(), ref_template=REFERENCE)
    return {name: described(told, structs[name]) if name in structs else told for name, told in schemas.items()}


def body_schema(handler: HTTPRouteHandler) -> Json:
    """Return the schema of the body that a handler reads."""
    hints = get_type_hints(unwrapped(handler.fn), include_extras=True)
    (schema,), _ = msgspec.json.schema_components([hints["data"]], ref_template=REFERENCE)
    return schema


def unwrapped(function: Any) -> Any:
    """Return a function as it was written; the framework wraps plain ones so that it can await them."""
    return getattr(function, "func", function)


def described(schema: Json, struct: type[msgspec.Struct]) -> Json:
    """Return a schema with what the docstring of its struct says, for each attribute too."""
    text, attributes = parse_docstring(inspect.getdoc(struct) or "")
    properties = dict(schema.get("properties", {}))
    for name, meaning in attributes:
        if name in properties:
            properties[name] = _with_text(properties[name], meaning)
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


def _with_text(told: Json, meaning: str) -> Json:
    # Beside a reference other keys are allowed since OpenAPI 3.1.
    return told | {"description": meaning[:1].upper() + meaning[1:] + ("" if meaning.endswith(".") else ".")}
