"""The document as one Markdown page: `docs/api.md`."""

from collections.abc import Iterator

from rps_api.openapi.reference import Field, Json, Operation, Schema, schemas, sections
from rps_core.markdown import markdown_table

_INTRODUCTION = """\
# The API

Written by `python -m rps_api.openapi > docs/api.md` from the OpenAPI document, which a running service offers at
`/openapi.json` and, for reading, at `/docs`. The examples are from a real game.

JSON in and out; unknown fields are ignored, and "3" is taken for 3. Every error is a [problem](#problem) (RFC 9457,
`application/problem+json`) whose `detail` says what was wrong. Operations marked **operators** need
`Authorization: Bearer` with `RPS_API_TOKEN`; where no token is configured they answer this machine alone. Besides what
is listed, an unknown path answers 404, an unknown method 405, and a fault of ours 500. Times are ISO 8601 in UTC.

## Changes

- `POST /game`, `POST /move` and `GET /debug/random_game` were removed. They were deprecated, and no client used them.
  Use `POST /start_game`, `POST /play` and, as an operator, `POST /predict`.

## Operations
"""


def api_markdown(document: Json) -> str:
    """Return the page."""
    lines = [_INTRODUCTION]
    for section in sections(document):
        lines += [f"- **{section.tag}**: " + ", ".join(_link(operation) for operation in section.operations)]
    for section in sections(document):
        lines += ["", f"## {section.tag.capitalize()}", "", section.text]
        for operation in section.operations:
            lines += ["", *_operation_lines(operation)]
    lines += ["", "## Types"]
    for schema in schemas(document):
        lines += ["", *_schema_lines(schema)]
    return "\n".join(lines) + "\n"


def _link(operation: Operation) -> str:
    return f"[{operation.title}](#{operation.title.lower().replace(' ', '-').replace('/', '')})"


def _operation_lines(operation: Operation) -> Iterator[str]:
    marks = [mark for mark, on in (("operators", operation.operators), ("deprecated", operation.deprecated)) if on]
    yield f"### {operation.title}"
    yield ""
    yield f"`{operation.method} {operation.path}`" + "".join(f" **{mark}**" for mark in marks)
    yield ""
    yield operation.description
    if operation.parameters:
        rows = [(f"`{one.name}`{_star(one)}", one.place, one.kind, one.meaning) for one in operation.parameters]
        yield from ("", markdown_table(("Parameter", "In", "Type", "Meaning"), rows))
    if operation.request_kind:
        yield from ("", f"Body: {_typed(operation.request_kind)}")
    if operation.request_example:
        yield from ("", "```json", operation.request_example, "```")
    yield from ("", f"Reply: {_typed(operation.reply_kind) if operation.reply_kind else 'a file'}")
    if operation.reply_example:
        yield from ("", "```json", operation.reply_example, "```")
    if operation.faults:
        yield from ("", markdown_table(("Status", "When"), operation.faults))


def _schema_lines(schema: Schema) -> Iterator[str]:
    yield f"### {schema.name}"
    if schema.description:
        yield from ("", schema.description)
    if schema.fields:
        rows = [(f"`{one.name}`{_star(one)}", one.kind, one.meaning) for one in schema.fields]
        yield from ("", markdown_table(("Field", "Type", "Meaning"), rows))


def _typed(kind: str) -> str:
    name = kind.rpartition(" ")[2]
    return f"{kind.removesuffix(name)}[{name}](#{name.lower()})" if name[:1].isupper() else kind


def _star(field: Field) -> str:
    return " (required)" if field.required and field.place != "path" and field.place else ""
