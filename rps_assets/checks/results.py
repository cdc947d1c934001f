"""The one form of a check's result."""

from typing import Any

import dagster as dg


def verdict(
    passed: bool, *, expected: Any, found: Any, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    """Return a result that shows what was expected and what was found."""
    return dg.AssetCheckResult(
        passed=passed, severity=severity, metadata={"expected": _shown(expected), "found": _shown(found)}
    )


def _shown(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else dg.MetadataValue.json(value)
