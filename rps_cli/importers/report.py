"""What an import did: how much came in, what was mended, and what was left out for which reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_EXAMPLES = 5


@dataclass(slots=True)
class Tally:
    """How often something happened, with the first few cases."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str, count: int = 1) -> None:
        """Count `count` more, with `example` standing for them."""
        self.count += count
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(example)


@dataclass(slots=True)
class ImportReport:
    """The outcome of one import.

    Attributes:
        dry_run: nothing was written; the numbers tell what would have been.
        imported: by what came in: games, rounds, promotion events.
        already_there: by what had come in before and was left as it is.
        mended: reasons for which something was changed on its way in.
        skipped: reasons for which something was left out.
        notes: sentences about the file as a whole.
    """

    source: str
    dry_run: bool
    imported: dict[str, Tally] = field(default_factory=dict)
    already_there: dict[str, Tally] = field(default_factory=dict)
    mended: dict[str, Tally] = field(default_factory=dict)
    skipped: dict[str, Tally] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, section: str, what: str, example: str, count: int = 1) -> None:
        """Count in a section: imported, already_there, mended or skipped."""
        getattr(self, section).setdefault(what, Tally()).add(example, count)

    def rows(self) -> Iterator[tuple[str, str, int, str]]:
        """Yield section, what, count and examples, in the order of the sections; the largest counts first."""
        for section in ("imported", "already_there", "mended", "skipped"):
            tallies: dict[str, Tally] = getattr(self, section)
            for what, tally in sorted(tallies.items(), key=lambda item: (-item[1].count, item[0])):
                yield section.replace("_", " "), what, tally.count, ", ".join(tally.examples)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        sections = {
            section: {what: {"count": t.count, "examples": t.examples} for what, t in getattr(self, section).items()}
            for section in ("imported", "already_there", "mended", "skipped")
        }
        return {"source": self.source, "dry_run": self.dry_run, **sections, "notes": self.notes}
