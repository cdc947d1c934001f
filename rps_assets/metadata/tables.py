"""Tables in metadata."""

from collections.abc import Iterable, Sequence

import dagster as dg

from rps_core.markdown import markdown_table


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """Return rows as a Markdown table."""
    return dg.MetadataValue.md(markdown_table(columns, rows))
