"""Every link of a document that stays in the repository leads to a file, and to a heading of it if it names one."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
DOCUMENTS = sorted(
    document
    for pattern in ("*.md", "docs/**/*.md", "helm/**/*.md", "ops/**/*.md", "benchmarks/**/*.md", "rps_*/**/*.md")
    for document in REPOSITORY.glob(pattern)
)
_FENCE = re.compile(r"^(```|~~~).*?^\1[^\S\n]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//")


def links_of(text: str) -> list[str]:
    """Return the targets in the repository that a document links to, images included."""
    found = _LINK.findall(_CODE.sub("", _FENCE.sub("", text)))
    return [target for target in found if not _ELSEWHERE.match(target)]


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    return set(_anchors(_FENCE.sub("", text)))


def _anchors(text: str) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for heading in _HEADING.findall(text):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def broken_links(document: Path) -> list[str]:
    """Return the links of a document that lead nowhere."""
    broken = []
    for target in links_of(document.read_text()):
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors_of(there.read_text())):
            broken.append(target)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(REPOSITORY).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Rolling `back`, now\n\n## Twice\n\n## Twice\n\n```\n# no heading\n```\n")
    good = (
        "[a](there.md) [b](there.md#rolling-back-now) [c](there.md#twice-1) [d](https://x.example/y) [e](#f)\n\n# F\n"
    )
    bad = "[g](gone.md) ![h](gone.png) [i](there.md#thrice) [j](there.md#no-heading) `[k](code.md)`\n"
    (tmp_path / "page.md").write_text(good + bad)
    assert broken_links(tmp_path / "page.md") == ["gone.md", "gone.png", "there.md#thrice", "there.md#no-heading"]
