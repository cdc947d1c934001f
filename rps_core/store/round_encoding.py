"""Rounds as the bytes of a CSV or a Parquet file, a portion at a time; `round_columns` has the columns."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from rps_core.store.round_columns import import_pyarrow, parquet_schema

# Rounds by name of the column.
Portion: TypeAlias = Sequence[Mapping[str, Any]]


def csv_pieces(names: Sequence[str], portions: Iterable[Portion]) -> Iterator[bytes]:
    """Yield a CSV file: times as ISO-8601, flags as true or false, null as an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    yield text.getvalue().encode()
    for portion in portions:
        text.seek(0)
        text.truncate()
        writer.writerows([_csv_field(row[name]) for name in names] for row in portion)
        yield text.getvalue().encode()


def _csv_field(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else value


def parquet_pieces(names: Sequence[str], portions: Iterable[Portion]) -> Iterator[bytes]:
    """Yield a Parquet file, compressed with zstd.

    Raises:
        DataFileError: pyarrow is not installed.
    """
    import_pyarrow()
    import pyarrow
    import pyarrow.parquet

    renamed = {"round_no": "round"}
    schema = pyarrow.schema([parquet_schema().field(renamed.get(name, name)).with_name(name) for name in names])
    sink = _Drain()
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for portion in portions:
            writer.write_table(pyarrow.Table.from_pylist(list(portion), schema=schema))
            yield sink.drain()
    yield sink.drain()


class _Drain(io.RawIOBase):
    """A file that drops what `drain` returned, so that a Parquet file is never in memory as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def drain(self) -> bytes:
        drained = b"".join(self._pieces)
        self._pieces.clear()
        return drained
