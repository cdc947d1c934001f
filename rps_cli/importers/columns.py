"""Matching the columns of a foreign file of rounds with ours (`rps_core.store.round_columns`)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rps_cli.importers.values import shown
from rps_core.errors import DataFileError
from rps_core.store.round_columns import REQUIRED_COLUMNS, ROUND_FILE_COLUMNS


class ColumnMap(NamedTuple):
    """How the columns of one file are read: position in the file by our name, and the names nobody reads."""

    positions: dict[str, int]
    ignored: tuple[str, ...]


def map_columns(header: Sequence[str]) -> ColumnMap:
    """Match the columns of a file, in any order and case, with ours.

    Raises:
        DataFileError: a required column is missing, or two columns mean the same.
    """
    canonical = {name: column.name for column in ROUND_FILE_COLUMNS for name in (column.name, *column.synonyms)}
    positions: dict[str, int] = {}
    ignored: list[str] = []
    for position, name in enumerate(header):
        ours = canonical.get(str(name).strip().lower())
        if ours is None:
            ignored.append(str(name).strip())
        elif ours in positions:
            raise DataFileError(f"the columns {header[positions[ours]]} and {name} both hold {ours}; drop one of them")
        else:
            positions[ours] = position
    missing = [name for name in REQUIRED_COLUMNS if name not in positions]
    if missing:
        found = ", ".join(str(name)[:40] for name in header[:30]) or "none"
        raise DataFileError(f"the file lacks the columns {', '.join(missing)}; it has: {found}")
    return ColumnMap(positions, tuple(ignored))


def require_columns_agree(rows: Sequence[Mapping[str, object]], column: str) -> object:
    """Return the one value that a column of the game has in all its rows; None where none has any.

    Raises:
        ValueError: two rows tell different things.
    """
    told = {str(value): value for row in rows if (value := row.get(column)) is not None and str(value).strip()}
    if len(told) > 1:
        first, second, *_ = told.values()
        raise ValueError(f"{column} is {shown(first)} in one row and {shown(second)} in another")
    return next(iter(told.values()), None)
