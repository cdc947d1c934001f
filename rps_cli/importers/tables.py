"""A table of text, and the bounds that protect the machine from hostile files."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import polars

from rps_core.errors import DataFileError

MAX_ROWS = 20_000_000
MAX_COLUMNS = 1_000
MAX_FIELD_CHARACTERS = 1_000
# A megabyte of gzip or Parquet can expand to gigabytes.
MAX_UNPACKED_BYTES = 8 * 1024**3
ROWS_PER_BATCH = 20_000

_Row = TypeVar("_Row")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Table(NamedTuple):
    """The content of a file as text.

    Attributes:
        names: the names of the columns, as the file writes them.
        frame: the columns as text, named "0", "1", …, with the number of each row as "row". CSV also has "extra", which
            holds the field after the last column.
        kind: the format, for people.
        delimiter: of CSV.
        comments: the lines before the header.
        unusable: columns without single values, and what they hold.
    """

    names: list[str]
    frame: polars.LazyFrame
    kind: str
    delimiter: str | None = None
    comments: str = ""
    unusable: Mapping[str, str] = MappingProxyType({})


def start_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(4_096)


def encodings(start: bytes) -> list[str]:
    """Return the encodings to try. A file without a mark is UTF-8 if it can be; else Windows-1252."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return [encoding, "cp1252", "latin-1"] if encoding == "utf-8-sig" else [encoding]
    for first in (0, 1):
        if len(start) > 3 and not any(start[first : 64 + first : 2]):
            return ["utf-16-be", "utf-16-le"][first:]
    return ["utf-8", "cp1252", "latin-1"]


def require_bounds(*, rows: int = 0, columns: int = 0, size: int = 0) -> None:
    """Raise a DataFileError if a file has too many rows or columns, or unpacks to too many bytes."""
    if rows > MAX_ROWS:
        raise DataFileError(f"the file has more than {MAX_ROWS:,} rows; split it")
    if columns > MAX_COLUMNS:
        raise DataFileError(f"the file has {columns:,} columns; use at most {MAX_COLUMNS:,}")
    if size > MAX_UNPACKED_BYTES:
        raise DataFileError(f"the file unpacks to more than {MAX_UNPACKED_BYTES:,} bytes; split it")


def batches(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    """Yield the rows in lists."""
    while batch := list(islice(rows, ROWS_PER_BATCH)):
        yield batch


def staged(frames: Iterable[polars.DataFrame], folder: Path, columns: Iterable[str] = ()) -> polars.LazyFrame:
    """Write frames to files and return them as one; rows without a number are numbered from 1.

    Args:
        frames: the table in parts, which may lack columns.
        folder: where to write.
        columns: those that the table has even without a row.

    Raises:
        DataFileError: there are too many rows or bytes.
    """
    rows = size = 0
    parts = [polars.LazyFrame(schema={"row": polars.Int64, **dict.fromkeys(columns, polars.String)})]
    for number, frame in enumerate(frames):
        numbered = frame if "row" in frame.columns else frame.with_row_index("row", rows + 1)
        rows, size = rows + len(frame), size + int(frame.estimated_size())
        require_bounds(rows=rows, size=size)
        part = folder / f"{number}.arrow"
        numbered.cast({"row": polars.Int64}).write_ipc(part, compression="lz4")
        parts.append(polars.scan_ipc(part))
    return polars.concat(parts, how="diagonal")
