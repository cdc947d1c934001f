"""Every promise of docs/reliability.md names existing tests, alerts and metrics."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "reliability.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Event")]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def functions_in(path: str) -> set[str]:
    return {
        node.name for node in ast.walk(ast.parse((REPOSITORY / path).read_text())) if isinstance(node, ast.FunctionDef)
    }


def test_the_page_makes_promises() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:60])
def test_a_promise_is_complete_and_names_tests_that_exist(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 6
    event, player, operator, kept, _, _ = cells
    assert all((event, player, operator, kept))
    named = NAMED.findall(cells[-1])
    assert named
    for path, name in named:
        assert name in functions_in(path), f"{path} has no {name}"


def test_every_tested_fault_is_on_the_page() -> None:
    promised = {name for _, name in NAMED.findall(PAGE)}
    for module in ("killed_server", "sick_store", "object_store", "training", "clock"):
        path = f"tests/faults/test_{module}.py"
        assert {name for name in functions_in(path) if name.startswith("test_")} <= promised, path


def test_alerts_and_metrics_on_the_page_exist() -> None:
    rules = (REPOSITORY / "ops" / "prometheus" / "rules.yaml").read_text()
    metrics = (REPOSITORY / "docs" / "metrics.md").read_text()
    alerts = set(re.findall(r"`(Rps\w+)`", PAGE))
    series = set(re.findall(r"`(rps_\w+)", PAGE))
    assert alerts
    assert series
    assert {name for name in alerts if f"- alert: {name}\n" not in rules} == set()
    assert {name for name in series if f"`{name}`" not in metrics} == set()
