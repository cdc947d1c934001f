"""The document for people: the page at /docs and `docs/api.md`, from one template each."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

Json = dict[str, Any]

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_LIST = 3
LONGEST_TEXT = 160
LINE = 100


def render_html(document: Json) -> str:
    """Return the documentation as one HTML page; the template engine escapes every value."""
    return (
        _environment()
        .get_template("docs.html.j2")
        .render(_variables(document), style=page_style(), script=page_script())
    )


def render_markdown(document: Json) -> str:
    """Return the documentation as Markdown."""
    return _environment().get_template("api.md.j2").render(_variables(document))


@cache
def page_style() -> str:
    """Return the style sheet of the HTML page."""
    return (TEMPLATES / "docs.css").read_text(encoding="utf-8")


@cache
def page_script() -> str:
    """Return the script of the HTML page, which applies the colours that the player chose in the game."""
    return (TEMPLATES / "docs.js").read_text(encoding="utf-8")


def kind(schema: Json) -> str:
    """Return a type in words: ``integer, 1 to 100``, ``list of PlayReply``, ``text or null``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join("null" if value is None else str(value) for value in schema["enum"] if value != "")
    if "const" in schema:
        return str(schema["const"])
    alternatives = schema.get("anyOf", schema.get("oneOf"))
    if alternatives is not None:
        names = [kind(alternative) for alternative in alternatives]
    else:
        types = schema.get("type", "any")
        names = [_type_name(name, schema) for name in (types if isinstance(types, list) else [types])]
    return " or ".join(sorted(names, key=lambda name: name == "null")) + _bounds(schema)


def meaning(description: str | None, schema: Json) -> str:
    """Return the description of a parameter or field with its default."""
    default = schema.get("default")
    default_text = "" if default in (None, [], {}) else f"Default {json.dumps(default)}."
    return " ".join(part for part in (description, default_text) if part)


def example_text(value: Any) -> str:
    """Return an example as JSON that fits a page: long lists, maps and texts are cut and say so."""
    return _indented(shortened(value), "")


def shortened(value: Any) -> Any:
    """Return an example without the rest of its long lists, maps of numbers and texts."""
    if isinstance(value, dict):
        # Maps by feature or by name are long; structs are short, and each of their fields matters.
        is_long_map = len(value) > 12 and all(isinstance(item, int | float) for item in value.values())
        kept = dict(list(value.items())[:LONGEST_LIST]) if is_long_map else value
        rest = {"…": f"{len(value) - LONGEST_LIST} more"} if is_long_map else {}
        return {name: shortened(item) for name, item in kept.items()} | rest
    if isinstance(value, list):
        rest_of_list = [f"… {len(value) - LONGEST_LIST} more"] if len(value) > LONGEST_LIST else []
        return [shortened(item) for item in value[:LONGEST_LIST]] + rest_of_list
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[:LONGEST_TEXT] + "…"
    return value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"kind": kind, "example": example_text}
    environment.globals["meaning"] = meaning
    return environment


def _variables(document: Json) -> Json:
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "head"
    ]
    sections = [(tag, [item for item in operations if item[2]["tags"] == [tag["name"]]]) for tag in document["tags"]]
    return {
        "info": document["info"],
        "root_path": document["servers"][0]["url"].rstrip("/"),
        "sections": sections,
        "schemas": document["components"]["schemas"],
    }


def _type_name(name: str, schema: Json) -> str:
    if name == "array":
        return f"list of {kind(schema.get('items', {}))}"
    if name == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {kind(schema['additionalProperties'])}"
    if name == "string":
        return "time (ISO 8601)" if schema.get("format") == "date-time" else "text"
    return name


def _bounds(schema: Json) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None:
        return f", at least {least:g}" if most is None else f", {least:g} to {most:g}"
    if "maxLength" in schema:
        return f", up to {schema['maxLength']} characters"
    return f", up to {schema['maxItems']} entries" if "maxItems" in schema else ""


def _indented(value: Any, indent: str) -> str:
    """Return JSON that breaks only the lists and objects that do not fit a line."""
    text = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(text) <= LINE or not isinstance(value, dict | list):
        return text
    inner = indent + "  "
    if isinstance(value, list):
        opening, closing, lines = "[", "]", [_indented(item, inner) for item in value]
    else:
        opening, closing = "{", "}"
        lines = [f"{json.dumps(name, ensure_ascii=False)}: {_indented(item, inner)}" for name, item in value.items()]
    return f"{opening}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{closing}"
