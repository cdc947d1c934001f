"""`/export`: rounds as JSON, CSV or Parquet, a portion at a time, in columns that `rps import-rounds` reads back."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from litestar.exceptions import HTTPException
from sqlalchemy import Engine

from rps_core.errors import DataFileError
from rps_core.importers.round_files import import_pyarrow, parquet_schema
from rps_core.store.analytics import GameFilter, export_portion
from rps_core.store.analytics.listing import ExportedRound, ExportPage

ExportFormat: TypeAlias = Literal["json", "csv", "parquet"]
Row: TypeAlias = dict[str, Any]
MEDIA_TYPES: dict[ExportFormat, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
COLUMNS = tuple(name for name in ExportedRound._fields if name != "event_id")


def rows_of(engine: Engine, filters: GameFilter, page: ExportPage, *, with_sessions: bool) -> Iterator[list[Row]]:
    """Yield the rounds of a page in portions, the newest first; sessions are null unless they are asked for."""
    # No connection is held between two portions: a slow reader must not keep the write-ahead log from being emptied.
    while page.rows > 0:
        with engine.connect() as connection:
            portion = export_portion(connection, filters, page)
        page = page.after(portion)
        yield [_row(played, with_sessions=with_sessions) for played in portion]


def require_format(wanted: ExportFormat) -> None:
    """Make sure that a format can be written here.

    Raises:
        HTTPException: Parquet is asked for and its library is not installed (501).
    """
    if wanted == "parquet":
        try:
            import_pyarrow()
        except DataFileError as error:
            raise HTTPException(str(error), status_code=501, extra={"format": wanted}) from error


def encoded(wanted: ExportFormat, portions: Iterator[list[Row]], count: int) -> Iterator[bytes]:
    """Yield the file piece by piece."""
    if wanted == "csv":
        return _csv(portions)
    return _parquet(portions) if wanted == "parquet" else _json(portions, count)


def _row(played: ExportedRound, *, with_sessions: bool) -> Row:
    values = {name: getattr(played, name) for name in COLUMNS}
    if played.winner is None:
        # The opening of a running game tells the bot's next moves; a client that read it won 76 games of 100.
        values |= {"opening_name": None, "opening_seq": None}
    return values if with_sessions else values | {"session_id": None}


def _json(portions: Iterator[list[Row]], count: int) -> Iterator[bytes]:
    yield b'{"count":%d,"format":"json","data":[' % count
    separator = b""
    for portion in portions:
        yield separator + b",".join(msgspec.json.encode(row) for row in portion)
        separator = b","
    yield b"]}"


def _csv(portions: Iterator[list[Row]]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    yield text.getvalue().encode()
    for portion in portions:
        text.seek(0)
        text.truncate()
        writer.writerows([[_csv_field(row[name]) for name in COLUMNS] for row in portion])
        yield text.getvalue().encode()


def _csv_field(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else value


def _parquet(portions: Iterator[list[Row]]) -> Iterator[bytes]:
    import pyarrow
    import pyarrow.parquet

    ours = {"round_no": "round"}
    fields = [parquet_schema().field(ours.get(name, name)).with_name(name) for name in COLUMNS]
    sink, schema = _Drain(), pyarrow.schema(fields)
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for portion in portions:
            writer.write_table(pyarrow.Table.from_pylist(portion, schema=schema))
            yield sink.drain()
    yield sink.drain()


class _Drain(io.RawIOBase):
    """A file that forgets what was taken from it, so that a Parquet file is never held as a whole."""

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
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
