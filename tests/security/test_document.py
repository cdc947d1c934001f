"""`docs/security.md`: every promise names an existing test, and the table of routes is complete."""

import ast
import re
from pathlib import Path

from tests.security.test_routes import TABLES

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs" / "security.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")


def test_every_named_test_exists() -> None:
    named = _TEST.findall(DOCUMENT.read_text())
    assert len(named) > 20
    for file, test in named:
        path = REPOSITORY / file
        assert path.is_file(), file
        if test:
            functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
            assert test in functions, f"{file}::{test}"


def test_every_promise_names_a_test() -> None:
    promises = DOCUMENT.read_text().partition("## What is promised")[2].partition("\n## ")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ") and not line.startswith("| Promise")]
    assert len(rows) > 12
    assert [row for row in rows if not _TEST.search(row)] == []


def test_every_route_is_in_its_row() -> None:
    text = DOCUMENT.read_text().partition("## Who may ask what")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for name, routes in TABLES.items():
        (row,) = [row for row in rows if row.startswith(f"| {name} ")]
        for method, path in routes:
            assert f"`{method} {path}`" in row, f"{name}: {method} {path}"


def test_links_have_targets() -> None:
    for target in re.findall(r"\]\(([^)#]+)", DOCUMENT.read_text()):
        assert target.startswith("https://") or (DOCUMENT.parent / target).exists(), target
