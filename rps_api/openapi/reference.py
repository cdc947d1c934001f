"""The document as a reader wants it: sections of operations with parameters, examples and errors. Plain values."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]

SECTIONS = {
    "play": "Start games, play rounds, read them back. `round` or an `Idempotency-Key` makes a repeated play harmless.",
    "prediction": "Predictions for a game that the request tells. For operators: see docs/adr/0008-no-oracle.md.",
    "models": "What is served, and the operators' requests to change it.",
    "analytics": "Who plays how well, and the rounds themselves. Test games count nowhere.",
    "observatory": "The whole loop in sums that everybody may see.",
    "internal": "What trainers and promotion report, and what dashboards read. For operators.",
    "system": "How the service is. Beside these: `GET /metrics`, the Prometheus series, and `GET /openapi.json`.",
}
LONGEST_LIST = 3
LONGEST_TEXT = 160
LINE = 100


class Field(NamedTuple):
    """A parameter or a field of a schema; `place` is where a parameter stands."""

    name: str
    place: str
    kind: str
    required: bool
    meaning: str


class Operation(NamedTuple):
    """One operation; examples are JSON text, or empty."""

    anchor: str
    method: str
    path: str
    title: str
    description: str
    deprecated: bool
    operators: bool
    parameters: list[Field]
    request_kind: str
    request_example: str
    reply_kind: str
    reply_example: str
    faults: list[tuple[str, str]]


class Section(NamedTuple):
    """Operations of one subject."""

    tag: str
    text: str
    operations: list[Operation]


class Schema(NamedTuple):
    """One named type."""

    name: str
    description: str
    fields: list[Field]


def sections(document: Json) -> list[Section]:
    """Return the operations of a document by subject, in the order of `SECTIONS`."""
    grouped: dict[str, list[Operation]] = {tag: [] for tag in SECTIONS}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            grouped.setdefault(told["tags"][0], []).append(_operation(method.upper(), path, told))
    return [Section(tag, SECTIONS.get(tag, ""), found) for tag, found in grouped.items() if found]


def schemas(document: Json) -> list[Schema]:
    """Return the named types of a document."""
    return [
        Schema(name, told.get("description", ""), list(_fields(told)))
        for name, told in document["components"]["schemas"].items()
    ]


def kind_of(schema: Json) -> str:
    """Return a type in words: ``integer, 1 to 100``, ``list of PlayReply``, ``text or null``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    alternatives = schema.get("anyOf", schema.get("oneOf"))
    if alternatives is not None:
        kinds = [kind_of(one) for one in alternatives]
        return " or ".join(sorted(kinds, key=lambda kind: kind == "null")) + _bounds(schema)
    if "enum" in schema:
        return " | ".join("null" if value is None else str(value) for value in schema["enum"] if value != "")
    if "const" in schema:
        return str(schema["const"])
    kinds = schema.get("type", "any")
    names = [_named(kind, schema) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    return " or ".join(sorted(names, key=lambda name: name == "null")) + _bounds(schema)


def shortened(value: Any) -> Any:
    """Return an example that fits a page: long lists and maps keep their beginning and say how much is left out."""
    if isinstance(value, dict):
        items = list(value.items())
        # Maps by feature or by name are long; structs are short, and each of their fields matters.
        numbers = len(items) > 12 and all(isinstance(one, (int, float)) for _, one in items)
        kept = items[:LONGEST_LIST] if numbers else items
        return {name: shortened(one) for name, one in kept} | ({"…": f"{len(items) - 3} more"} if numbers else {})
    if isinstance(value, list):
        kept_items = [shortened(one) for one in value[:LONGEST_LIST]]
        return kept_items + ([f"… {len(value) - LONGEST_LIST} more"] if len(value) > LONGEST_LIST else [])
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[:LONGEST_TEXT] + "…"
    return value


def _operation(method: str, path: str, told: Json) -> Operation:
    request, reply = _media(told.get("requestBody", {})), _media(told["responses"]["200"])
    return Operation(
        anchor=told["operationId"],
        method=method,
        path=path,
        title=told["summary"],
        description=" ".join(told.get("description", "").split()),
        deprecated=bool(told.get("deprecated")),
        operators="security" in told,
        parameters=[_parameter(one) for one in told.get("parameters", [])],
        request_kind=kind_of(request["schema"]) if "schema" in request else "",
        request_example=_json(request.get("example")),
        reply_kind=kind_of(reply["schema"]) if "schema" in reply else "",
        reply_example=_json(reply.get("example")),
        faults=[
            (status, answer["description"]) for status, answer in sorted(told["responses"].items()) if status >= "400"
        ],
    )


def _media(told: Json) -> Json:
    return next(iter(told.get("content", {}).values()), {})


def _json(value: Any) -> str:
    return "" if value is None else _laid_out(shortened(value), "")


def _laid_out(value: Any, indent: str) -> str:
    """Return JSON in which whatever fits a line stands in one."""
    text = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(text) <= LINE or not isinstance(value, (dict, list)):
        return text
    inner = indent + "  "
    if isinstance(value, list):
        lines = [_laid_out(one, inner) for one in value]
        return f"[\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}]"
    lines = [f"{json.dumps(name, ensure_ascii=False)}: {_laid_out(one, inner)}" for name, one in value.items()]
    return f"{{\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}}}"


def _parameter(told: Json) -> Field:
    schema = told.get("schema", {})
    return Field(
        told["name"], told["in"], kind_of(schema), bool(told.get("required")), _meaning(told.get("description"), schema)
    )


def _fields(schema: Json) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, told in schema.get("properties", {}).items():
        yield Field(name, "", kind_of(told), name in required, _meaning(told.get("description"), told))


def _meaning(text: str | None, schema: Json) -> str:
    default = schema.get("default")
    told = "" if default in (None, [], {}) else f"Default {json.dumps(default)}."
    return " ".join(part for part in (text or "", told) if part)


def _named(kind: str, schema: Json) -> str:
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {kind_of(schema['additionalProperties'])}"
    if kind == "string":
        return "moment (ISO 8601)" if schema.get("format") == "date-time" else "text"
    return kind


def _bounds(schema: Json) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least:g} to {most:g}"
    if least is not None:
        return f", at least {least:g}"
    if "maxLength" in schema:
        return f", up to {schema['maxLength']} characters"
    return f", up to {schema['maxItems']} entries" if "maxItems" in schema else ""
