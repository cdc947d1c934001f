"""The common form of check results."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from rps_assets.metadata.figures import readable
from rps_assets.metadata.tables import table

TABLE_ROWS, CELL_ITEMS = 40, 12


def check_result(
    passed: bool,
    *,
    sentence: str,
    expected: Any,
    found: Any,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Return a result that says in a sentence, and shows in a table, what the check expected and found.

    Each found number is a separate figure, too, because Dagster plots figures over time. It shows `expected` and
    `found` as JSON behind a link.
    """
    whole = {"expected": _as_metadata(expected), "found": _as_metadata(found)}
    shown = {"comparison": comparison_table(expected, found)}
    return dg.AssetCheckResult(
        passed=passed,
        severity=severity,
        description=sentence,
        metadata={**shown, **_differences(expected, found), **whole, **figures_of(found)},
    )


def comparison_table(expected: Any, found: Any) -> dg.MetadataValue:
    """Return what was expected and what was found, one row for each name."""
    wanted, held = (value if isinstance(value, Mapping) else {"value": value} for value in (expected, found))
    names = list(dict.fromkeys([*wanted, *held]))[:TABLE_ROWS]
    return table(("", "expected", "found"), [[name, _cell(wanted.get(name)), _cell(held.get(name))] for name in names])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(inner)}" for name, inner in list(value.items())[:CELL_ITEMS])
    if isinstance(value, list | tuple | set):
        return ", ".join(map(_cell, list(value)[:CELL_ITEMS])) or "none"
    return str(readable(value)) if isinstance(value, float) else str(value)


def _differences(expected: Any, found: Any) -> dict[str, str]:
    """Name the keys that differ, if both mappings have the same keys."""
    if not (isinstance(expected, Mapping) and isinstance(found, Mapping) and expected.keys() == found.keys()):
        return {}
    return {"differs_in": ", ".join(str(name) for name in expected if expected[name] != found[name]) or "nothing"}


def figures_of(found: Any, name: str = "") -> dict[str, float]:
    """Return the numbers in `found` by their path; for a list or a mapping of texts, return its length."""
    if isinstance(found, bool | str) or found is None:
        return {}
    if isinstance(found, int | float):
        return {name or "value": found if isinstance(found, int) else readable(found)}
    if isinstance(found, Mapping) and not all(isinstance(value, str) for value in found.values()):
        inner = (figures_of(value, f"{name}.{key}" if name else str(key)) for key, value in found.items())
        return {path: figure for figures in inner for path, figure in figures.items()}
    return {f"{name}.count" if name else "count": len(found)}


def _as_metadata(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else dg.MetadataValue.json(value)
