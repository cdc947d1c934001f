"""The report of an import: what was imported, corrected and skipped, and why."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

MAX_EXAMPLES = 5
# In the order of the report.
SECTIONS = ("imported", "already_there", "corrected", "skipped")


@dataclass(slots=True)
class Tally:
    """A count with its first few examples."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ImportReport:
    """The result of one import. Each section counts cases by what they are or why they happened.

    Attributes:
        dry_run: nothing was written; the counts show what would have been.
        imported: new games, rounds and promotion decisions.
        already_there: games, rounds and decisions of an earlier import, which were left unchanged.
        corrected: values that were changed before they were stored, by reason.
        skipped: cases that were left out, by reason.
        notes: sentences about the whole file.
        understood: what the importer found out about the file.
        command: the command that imports the file as it was understood.
        is_refused: nothing was written, although this was no dry run; the notes say why.
    """

    source: str
    dry_run: bool
    imported: dict[str, Tally] = field(default_factory=dict)
    already_there: dict[str, Tally] = field(default_factory=dict)
    corrected: dict[str, Tally] = field(default_factory=dict)
    skipped: dict[str, Tally] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)
    command: str | None = None
    is_refused: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether something came in, or is there since an earlier import, and no row or game was skipped.

        Rounds that a recording leaves out by its rules do not count.
        """
        lost = any(subject.startswith(("games: ", "rows ")) for subject in self.skipped)
        return bool(self.imported or self.already_there) and not lost and not self.is_refused

    def refuse(self, cause: str) -> None:
        """Note that nothing was written, and why."""
        self.is_refused = True
        self.notes.append(f"nothing was written, {cause}")

    def count(self, section: str, subject: str, example: str, count: int = 1) -> None:
        """Add `count` cases of `subject`, one of which is `example`, to a section, such as "skipped"."""
        tally: Tally = getattr(self, section).setdefault(subject, Tally())
        tally.count += count
        if len(tally.examples) < MAX_EXAMPLES:
            tally.examples.append(example)

    def rows(self) -> Iterator[tuple[str, str, int, str]]:
        """Yield section, subject, count and examples, section by section, the largest counts first."""
        for section in SECTIONS:
            tallies: dict[str, Tally] = getattr(self, section)
            for subject, tally in sorted(tallies.items(), key=lambda item: (-item[1].count, item[0])):
                yield section.replace("_", " "), subject, tally.count, ", ".join(tally.examples)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        values = asdict(self)
        return {name: values[name] for name in ("source", "dry_run", *SECTIONS, "notes", "understood", "command")}
