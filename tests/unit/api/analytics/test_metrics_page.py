"""`docs/metrics.md` lists exactly the exposed series."""

import re
from collections.abc import Callable
from pathlib import Path

from litestar import Litestar
from litestar.testing import TestClient

from rps_api.metrics.series import GAMEPLAY_SERIES

PAGE = Path(__file__).parents[4] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (counter|gauge|histogram|summary) \| ([a-z_, ]+|-) \| (.+) \|$", re.MULTILINE)


def documented(section: str) -> dict[str, tuple[str, tuple[str, ...], str]]:
    text = PAGE.read_text().partition(f"## {section}")[2].partition("\n## ")[0]
    return {
        name: (kind, () if labels == "-" else tuple(labels.split(", ")), meaning)
        for name, kind, labels, meaning in ROW.findall(text)
    }


def test_the_page_lists_the_series_of_the_store() -> None:
    assert documented("Read from the gameplay store") == {
        series.sample_name: (series.kind, series.labels, series.meaning) for series in GAMEPLAY_SERIES
    }


def test_the_page_and_a_scrape_have_the_same_series(start: Callable[..., TestClient[Litestar]]) -> None:
    scraped = start().get("/metrics").text
    exposed = {
        name: kind
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", scraped, re.MULTILINE)
        if not name.startswith(("process_", "python_")) and not name.endswith("_created")
    }
    everything = documented("Read from the gameplay store") | documented("Measured in the process")
    assert exposed == {name: kind for name, (kind, _, _) in everything.items()}


def test_series_listed_as_missing_are_missing(start: Callable[..., TestClient[Litestar]]) -> None:
    text = PAGE.read_text().partition("## Series of the original that do not exist here")[2]
    named = {
        name
        for row in text.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([a-z0-9_]+)`", row.split("|")[1])
    }
    scraped = start().get("/metrics").text
    assert named
    assert not {name for name in named if re.search(rf"^{name}[ {{]", scraped, re.MULTILINE)}
