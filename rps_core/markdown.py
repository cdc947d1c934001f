"""Tables of Markdown, for Dagster's metadata and for generated documents."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of Markdown, without a line break at its end.

    Bars in cells are escaped and line breaks become spaces, so that a player's name cannot break the table.
    """
    lines = [_line(header), "|---" * len(header) + "|", *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(cell: object) -> str:
    return str(cell).replace("|", r"\|").replace("\r", " ").replace("\n", " ")
