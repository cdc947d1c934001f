"""Publish benchmarks/results/*.json: `python -m benchmarks.page` copies them and updates docs/performance.md.

Only the copies in benchmarks/published/ are in the repository, so a benchmark on a busy machine changes no page.

The page has pairs of comments, `<!-- results: NAME -->` and `<!-- end -->`. The tables of that result replace the text
between them. `goals` gives the goals of all results, `machine` the facts of the machine.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from benchmarks.report import RESULTS, Table, goals_table, markdown_of, read

PUBLISHED = Path(__file__).parent / "published"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
# In the order of the page.
NAMES = (
    *(
        "serving",
        "decision",
        "features",
        "dataset",
        "training",
        "large_training",
        "cold_start",
        "swap",
        "memory",
        "limits",
    ),
    *("orchestration", "idle", "analytics"),
)
NEVER_RUN = "Not measured yet.\n"
_BLOCK = re.compile(r"(<!-- results: ([a-z_0-9]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Copy the latest results and update the page."""
    PUBLISHED.mkdir(exist_ok=True)
    for name in NAMES:
        if (RESULTS / f"{name}.json").exists():
            shutil.copyfile(RESULTS / f"{name}.json", PUBLISHED / f"{name}.json")
    PAGE.write_text(filled(PAGE.read_text()))


def filled(page: str, folder: Path = PUBLISHED) -> str:
    """Return a page with its blocks filled from the results in a folder."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{content(block[2], folder)}\n{block[3]}", page)


def content(name: str, folder: Path = PUBLISHED) -> str:
    """Return the text between the comments of a block.

    Raises:
        ValueError: no benchmark has this name.
    """
    if name == "goals":
        results = [read(benchmark, folder) for benchmark in NAMES]
        goals = [goal for result in results if result for goal in result[0] if goal.target]
        return markdown_of(goals_table(goals)) if goals else NEVER_RUN
    if name == "machine":
        return _machines(folder)
    if name not in NAMES:
        raise ValueError(f"{PAGE.name} names an unknown benchmark {name!r}; use one of {', '.join(NAMES)}")
    result = read(name, folder)
    return _titled(result[1]) if result else NEVER_RUN


def _titled(tables: Iterable[Table]) -> str:
    return "\n".join(f"**{table.title}**\n\n{markdown_of(table)}" for table in tables)


def _machines(folder: Path) -> str:
    rows = []
    for name in NAMES:
        if result := read(name, folder):
            facts = result[2]
            where = f"{facts['processor']}, {facts['cores']} cores"
            rows.append([name, facts["measured_at"], where, facts["python"], facts["load_average"]])
    columns = ("benchmark", "measured at", "machine", "Python", "load average")
    return markdown_of(Table("Machines", columns, rows)) if rows else NEVER_RUN


if __name__ == "__main__":
    main()
