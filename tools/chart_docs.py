"""Generate the chart's table of values and its list of settings: `make chart`.

The table in the README comes from `values.yaml`: the comment directly above a key describes it. A key with described
children is a group; every other key is a value and needs a description. The names that `settings` accepts in
`values.schema.json` are the environment variables of `rps_core.settings`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rps_core.markdown import markdown_table
from rps_core.settings import setting_fields, variable

CHART = Path(__file__).parents[1] / "helm" / "rps"
README = CHART / "README.md"
VALUES = CHART / "values.yaml"
SCHEMA = CHART / "values.schema.json"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"


class Undocumented(Exception):
    """A value has no description; the message names it."""


class Value(NamedTuple):
    """A documented value: dotted path, default and description."""

    path: str
    default: Any
    description: str


def documented_values(text: str) -> list[Value]:
    """Return the values of a file in order.

    Raises:
        Undocumented: a value has no description.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise Undocumented("values.yaml has no values; add a mapping")
    found = list(_values(root, "", text.splitlines()))
    missing = [value.path for value in found if not value.description]
    if missing:
        raise Undocumented(f"values without a description: {', '.join(missing)}; add a comment above each")
    return found


def _values(node: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[Value]:
    for key, child in node.value:
        path = f"{prefix}{key.value}"
        if _is_group(child, lines):
            yield from _values(child, f"{path}.", lines)
        else:
            yield Value(path, yaml.safe_load(yaml.serialize(child)), _comment_above(key.start_mark.line, lines))


def _is_group(node: yaml.Node, lines: list[str]) -> bool:
    return (
        isinstance(node, yaml.MappingNode)
        and not node.flow_style
        and any(_comment_above(key.start_mark.line, lines) or _is_group(child, lines) for key, child in node.value)
    )


def _comment_above(line: int, lines: list[str]) -> str:
    """Return the text of the comment directly above `line`."""
    found: list[str] = []
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].lstrip().removeprefix("#").strip())
    return " ".join(found)


def table(values: list[Value]) -> str:
    """Return the values as a table of Markdown."""
    rows = [(f"`{value.path}`", f"`{json.dumps(value.default)}`", value.description) for value in values]
    return markdown_table(("Value", "Default", "Meaning"), rows)


def with_table(readme: str, generated: str) -> str:
    """Return the README with the table between its two markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README.name} lacks the markers {BEGIN} and {END}; add them around the table")
    return f"{before}{BEGIN}\n{generated}\n{END}{after}"


def setting_names() -> list[str]:
    """Return the environment variables of all settings, sorted."""
    return sorted(variable(field) for _, _, field in setting_fields())


def with_settings(schema: str) -> str:
    """Return the schema with the names of all settings."""
    parsed = json.loads(schema)
    parsed["properties"]["settings"]["propertyNames"]["enum"] = setting_names()
    return json.dumps(parsed, indent=2) + "\n"


def main() -> int:
    """Write table and list; return exit code 1 if a value has no description."""
    try:
        README.write_text(with_table(README.read_text(), table(documented_values(VALUES.read_text()))))
        SCHEMA.write_text(with_settings(SCHEMA.read_text()))
    except (Undocumented, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
