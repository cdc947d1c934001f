"""What every benchmark reports in: spreads, goals, tables, and the JSON file of its results.

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
    """A number that was asked for, what was found, and the same of the baseline in the same run, if there is one.

    Attributes:
        limit: at most this, or at least this where `at_least`; None where only the ratio counts.
        baseline: what the baseline reached, in the same unit.
        least_ratio: how many times better than the baseline it has to be.
    """

    what: str
    found: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    baseline: float | None = None
    least_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the baseline; more is better, whatever the unit."""
        if not self.baseline or not self.found:
            return None
        return self.found / self.baseline if self.at_least else self.baseline / self.found

    @property
    def is_met(self) -> bool:
        """Whether limit and ratio are kept."""
        kept = self.limit is None or (self.found >= self.limit if self.at_least else self.found <= self.limit)
        return kept and (self.least_ratio is None or (self.ratio or 0.0) >= self.least_ratio)

    @property
    def wanted(self) -> str:
        """The goal in words."""
        parts = (
            [] if self.limit is None else [f"{'≥' if self.at_least else '≤'} {shown(self.limit)} {self.unit}".strip()]
        )
        parts += [] if self.least_ratio is None else [f"≥ {shown(self.least_ratio)} × baseline"]
        return ", ".join(parts)


@dataclass(frozen=True)
class Table:
    """Rows of cells under a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


GOAL_COLUMNS = ("what", "goal", "found", "baseline", "ratio", "met")


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return median, 5th, 95th and 99th percentile (nearest rank) and the count.

    Raises:
        ValueError: there are no values.
    """
    found = sorted(values)
    if not found:
        raise ValueError("nothing was measured; give the benchmark more time")
    return (
        {"median": statistics.median(found)}
        | {f"p{percent}": found[min(len(found) - 1, len(found) * percent // 100)] for percent in (5, 95, 99)}
        | {"count": len(found)}
    )


def goal_cells(goal: Goal) -> list[Cell]:
    """Return a goal as a row of `GOAL_COLUMNS`."""
    baseline = "" if goal.baseline is None else f"{shown(goal.baseline)} {goal.unit}"
    ratio = "" if goal.ratio is None else f"{shown(goal.ratio)} ×"
    met = "" if not goal.wanted else "yes" if goal.is_met else "no"
    return [goal.what, goal.wanted, f"{shown(goal.found)} {goal.unit}".strip(), baseline, ratio, met]


def goals_table(goals: Iterable[Goal]) -> Table:
    """Return goals as a table."""
    return Table("Goals", GOAL_COLUMNS, [goal_cells(goal) for goal in goals])


def shown(value: Cell) -> str:
    """Return a cell as text: three significant digits, thousands apart."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    # "g" would write a small number with an exponent.
    digits = 0 if value == 0 else max(0, 2 - int(f"{value:.2e}".partition("e")[2]))
    return f"{value:.{digits}f}"


def text_of(table: Table) -> str:
    """Return a table for the terminal: words to the left, numbers to the right."""
    rows = [[shown(cell) for cell in row] for row in table.rows]
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
    return markdown_table(table.columns, [[shown(cell) for cell in row] for row in table.rows]) + "\n"


def publish(name: str, goals: Sequence[Goal], tables: Sequence[Table], folder: Path = RESULTS) -> None:
    """Print the tables of a benchmark and write them to `<folder>/<name>.json`."""
    for table in (*tables, *([goals_table(goals)] if goals else [])):
        print(text_of(table), flush=True)
    write(name, {"goals": [asdict(goal) for goal in goals], "tables": [asdict(table) for table in tables]}, folder)


def write(name: str, result: dict[str, Any], folder: Path = RESULTS) -> None:
    """Write a result of any shape, with the facts of the machine."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"machine": facts(), **result}, indent=2, ensure_ascii=False)
    (folder / f"{name}.json").write_text(content + "\n")


def read(name: str, folder: Path = RESULTS) -> tuple[list[Goal], list[Table], dict[str, Any]] | None:
    """Return what `publish` wrote, with the facts of the machine; None where it was never run."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return (
        [Goal(**goal) for goal in found.get("goals", ())],
        [Table(**table) for table in found.get("tables", ())],
        found["machine"],
    )
