"""Tables and lists in metadata."""

from collections.abc import Iterable, Sequence

import dagster as dg

from rps_core.markdown import markdown_table


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """Return rows as a Markdown table."""
    return dg.MetadataValue.md(markdown_table(columns, rows))


def notes(reason: str) -> dg.MetadataValue:
    """Return the reason of a ledger entry as a Markdown list; the ledger keeps it in one line."""
    return dg.MetadataValue.md("\n".join(f"- {note}" for note in reason.split(" | ")))
