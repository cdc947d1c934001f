"""PromQL expressions of the rules and the dashboards, and the series that they use."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "ops" / "prometheus" / "rules.yaml"
GRAFANA = REPOSITORY / "ops" / "grafana"
# Variables that Grafana replaces.
MACROS = {"$__rate_interval": "1m", "$__interval": "30s", "$__range": "1h"}
_KEYWORDS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:$.])(rps[\w:]*|http_\w+|process_\w+|python_\w+|up|ALERTS)(?![\w(])")


class Expression(NamedTuple):
    """An expression with its rule or panel."""

    where: str
    expr: str


def rules() -> list[dict[str, Any]]:
    """Return every rule of every group."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def boards() -> dict[str, dict[str, Any]]:
    """Return the dashboards by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(GRAFANA.glob("*.json"))}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels of a dashboard, without headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def rule_expressions() -> list[Expression]:
    """Return the expressions of the rules."""
    return [Expression(rule.get("record") or rule["alert"], rule["expr"]) for rule in rules()]


def panel_expressions() -> list[Expression]:
    """Return the expressions of the dashboards, with Grafana's variables replaced."""
    found = [
        Expression(f"{name}: {panel['title']}", target["expr"])
        for name, board in boards().items()
        for panel in panels(board)
        for target in panel["targets"]
        if "expr" in target
    ]
    return [Expression(where, _filled_in(expr)) for where, expr in found]


def series_named(expr: str) -> set[str]:
    """Return the series that an expression reads."""
    without_labels = re.sub(r"\{[^}]*\}", "", _KEYWORDS.sub("", re.sub(r"\"[^\"]*\"", '""', expr)))
    return set(_NAME.findall(without_labels))


def ledger_targets() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield title and target of each panel that queries one of our JSON endpoints."""
    for board in boards().values():
        for panel in panels(board):
            yield from ((panel["title"], target) for target in panel["targets"] if "url" in target)


def _filled_in(expr: str) -> str:
    for macro, value in MACROS.items():
        expr = expr.replace(macro, value)
    return expr
