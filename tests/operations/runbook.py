"""The commands in the documents, as a reader would type them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = (
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *(REPOSITORY / "helm").rglob("*.md"),
)
GUIDE = REPOSITORY / "docs" / "operations.md"
_FENCE = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
# At the start, after variables, or passed to a pod: a Helm release called rps is not a call.
_RPS = re.compile(r"(?:^|-- )(?:[A-Z_]+=(?:\$\([^)]*\)|\S)+ )*(?:\.venv/bin/)?rps (?P<rest>.+)$")


class Line(NamedTuple):
    """A shell command in a document."""

    document: str
    text: str

    @property
    def arguments(self) -> list[str] | None:
        """The arguments of `rps`, or None if the line does not call it."""
        found = _RPS.search(self.text)
        if found is None or found["rest"].split()[0].isupper():
            return None
        return shlex.split(found["rest"], comments=True)


def lines_of(document: Path) -> list[Line]:
    """Return the lines of all shell blocks and all inline code in a document."""
    return [Line(document.relative_to(REPOSITORY).as_posix(), text.strip()) for text in _codes(document.read_text())]


def _codes(text: str) -> Iterator[str]:
    for block in _FENCE.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    # Tables escape a pipe with a backslash.
    yield from (code.replace("\\|", "|") for code in _INLINE.findall(_ANY_FENCE.sub("", text)))
