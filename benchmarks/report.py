"""Results of benchmarks: spreads, goals, tables, and the JSON file that holds them.

A result is `{"machine": …, "goals": [Goal …], "tables": [Table …]}`; `benchmarks.page` writes the same tables into
`docs/performance.md`.
"""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.machine import facts
from rps_core.markdown import markdown_table

RESULTS = Path(__file__).parent / "results"

Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True)
class Goal:
    """A measured number with its target, and the baseline's number from the same run.

    Attributes:
        limit: upper bound, or lower bound with `at_least`; None if only the ratio counts.
        baseline: the baseline's number in the same unit; None if it was not measured.
        least_ratio: how many times better than the baseline the number must be.
    """

    name: str
    found: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    baseline: float | None = None
    least_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the baseline; larger is better for every unit."""
        if not self.baseline or not self.found:
            return None
        return self.found / self.baseline if self.at_least else self.baseline / self.found

    @property
    def is_met(self) -> bool:
        """Whether the number keeps its limit and its ratio."""
        kept = self.limit is None or (self.found >= self.limit if self.at_least else self.found <= self.limit)
        return kept and (self.least_ratio is None or (self.ratio or 0.0) >= self.least_ratio)

    @property
    def target(self) -> str:
        """The target as text."""
        parts = []
        if self.limit is not None:
            parts.append(f"{'≥' if self.at_least else '≤'} {formatted(self.limit)} {self.unit}".strip())
        if self.least_ratio is not None:
            parts.append(f"≥ {formatted(self.least_ratio)} × baseline")
        return ", ".join(parts)


@dataclass(frozen=True)
class Table:
    """A titled table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


GOAL_COLUMNS = ("measure", "goal", "found", "baseline", "ratio", "met")


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return median, 5th, 95th and 99th percentile (nearest rank) and the count.

    Raises:
        ValueError: `values` is empty.
    """
    found = sorted(values)
    if not found:
        raise ValueError("nothing was measured; run the benchmark for more seconds")
    return (
        {"median": statistics.median(found)}
        | {f"p{percent}": found[min(len(found) - 1, len(found) * percent // 100)] for percent in (5, 95, 99)}
        | {"count": len(found)}
    )


def goal_cells(goal: Goal) -> list[Cell]:
    """Return a goal as a row of `GOAL_COLUMNS`."""
    baseline = "" if goal.baseline is None else f"{formatted(goal.baseline)} {goal.unit}"
    ratio = "" if goal.ratio is None else f"{formatted(goal.ratio)} ×"
    met = "" if not goal.target else "yes" if goal.is_met else "no"
    return [goal.name, goal.target, f"{formatted(goal.found)} {goal.unit}".strip(), baseline, ratio, met]


def goals_table(goals: Iterable[Goal]) -> Table:
    """Return goals as a table."""
    return Table("Goals", GOAL_COLUMNS, [goal_cells(goal) for goal in goals])


def formatted(value: Cell) -> str:
    """Return a cell as text with three significant digits and separated thousands."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    # The format "g" would write an exponent for small numbers.
    digits = 0 if value == 0 else max(0, 2 - int(f"{value:.2e}".partition("e")[2]))
    return f"{value:.{digits}f}"


def text_of(table: Table) -> str:
    """Return a table for the terminal, with text aligned left and numbers aligned right."""
    rows = [[formatted(cell) for cell in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    lines = [table.title, "  ".join(name.ljust(width) for name, width in zip(table.columns, widths, strict=True))]
    for cells, row in zip(rows, table.rows, strict=True):
        aligned = [
            text.ljust(width) if isinstance(cell, str) else text.rjust(width)
            for text, cell, width in zip(cells, row, widths, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines) + "\n"


def markdown_of(table: Table) -> str:
    """Return a table as Markdown, without its title."""
    return markdown_table(table.columns, [[formatted(cell) for cell in row] for row in table.rows]) + "\n"


def publish(name: str, goals: Sequence[Goal], tables: Sequence[Table], folder: Path = RESULTS) -> None:
    """Print the tables of a benchmark and write them to `<folder>/<name>.json`."""
    for table in (*tables, *([goals_table(goals)] if goals else [])):
        print(text_of(table), flush=True)
    write(name, {"goals": [asdict(goal) for goal in goals], "tables": [asdict(table) for table in tables]}, folder)


def write(name: str, result: dict[str, Any], folder: Path = RESULTS) -> None:
    """Write any result with the facts of the machine."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"machine": facts(), **result}, indent=2, ensure_ascii=False)
    (folder / f"{name}.json").write_text(content + "\n")


def read(name: str, folder: Path = RESULTS) -> tuple[list[Goal], list[Table], dict[str, Any]] | None:
    """Return the goals, tables and machine that `publish` wrote, or None if the benchmark was never run."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return (
        [Goal(**goal) for goal in found.get("goals", ())],
        [Table(**table) for table in found.get("tables", ())],
        found["machine"],
    )
