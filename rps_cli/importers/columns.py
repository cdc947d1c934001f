"""The columns of a foreign file of rounds, matched with ours (`rps_core.store.round_columns`)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rps_cli.importers.values import quoted
from rps_core.errors import DataFileError
from rps_core.store.round_columns import REQUIRED_COLUMNS, ROUND_FILE_COLUMNS


class ColumnMap(NamedTuple):
    """The columns of one file: their positions by our names, and the ignored names."""

    positions: dict[str, int]
    ignored: tuple[str, ...]


def map_columns(header: Sequence[str]) -> ColumnMap:
    """Match the columns of a file with ours; order and case do not matter.

    Raises:
        DataFileError: a required column is missing, or two columns have the same meaning.
    """
    canonical = {name: column.name for column in ROUND_FILE_COLUMNS for name in (column.name, *column.synonyms)}
    positions: dict[str, int] = {}
    ignored: list[str] = []
    for position, name in enumerate(header):
        ours = canonical.get(str(name).strip().lower())
        if ours is None:
            ignored.append(str(name).strip())
        elif ours in positions:
            raise DataFileError(
                f"the columns {header[positions[ours]]} and {name} both hold {ours}; remove one of them"
            )
        else:
            positions[ours] = position
    missing = [name for name in REQUIRED_COLUMNS if name not in positions]
    if missing:
        found = ", ".join(str(name)[:40] for name in header[:30]) or "none"
        raise DataFileError(f"the file lacks the columns {', '.join(missing)}; it has: {found}")
    return ColumnMap(positions, tuple(ignored))


def require_columns_agree(rows: Sequence[Mapping[str, object]], column: str) -> object:
    """Return the value of a column in all rows of a game, or None if no row has one.

    Raises:
        ValueError: two rows have different values.
    """
    found = {str(value): value for row in rows if (value := row.get(column)) is not None and str(value).strip()}
    if len(found) > 1:
        first, second, *_ = found.values()
        raise ValueError(f"{column} is {quoted(first)} in one row and {quoted(second)} in another")
    return next(iter(found.values()), None)
