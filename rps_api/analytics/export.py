"""`/export`: rounds as JSON, CSV or Parquet, a portion at a time, in columns that `rps import-rounds` reads back."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
from litestar.exceptions import HTTPException
from sqlalchemy import Engine

from rps_core.errors import DataFileError
from rps_core.store.analytics.filters import GameFilter
from rps_core.store.analytics.listing import ExportedRound, ExportPage, export_portion
from rps_core.store.round_columns import import_pyarrow
from rps_core.store.round_encoding import csv_pieces, parquet_pieces

ExportFormat: TypeAlias = Literal["json", "csv", "parquet"]
# A round as it is written: values by column.
ExportRow: TypeAlias = dict[str, Any]
MEDIA_TYPES: dict[ExportFormat, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
COLUMNS = tuple(name for name in ExportedRound._fields if name != "event_id")


def export_rows(
    engine: Engine, filters: GameFilter, page: ExportPage, *, with_sessions: bool
) -> Iterator[list[ExportRow]]:
    """Yield the rounds of a page in portions, newest first.

    Args:
        engine: the gameplay store.
        filters: which games count.
        page: which rounds to export.
        with_sessions: include session ids and the ids of running games.
    """
    # No connection stays open between two portions: a slow reader would keep the write-ahead log from being emptied.
    while page.rows > 0:
        with engine.connect() as connection:
            portion = export_portion(connection, filters, page)
        page = page.after(portion)
        yield [_row(played, with_sessions=with_sessions) for played in portion]


def public_game_id(game_id: str, finished_at: datetime | None) -> str:
    """Return the id under which the public sees a game.

    Anyone who knows the id of a running game can play it. Such a game gets a name made from a hash of its id: the same
    in every reply, and of no use for playing.
    """
    return game_id if finished_at else f"running-{hashlib.sha256(game_id.encode()).hexdigest()[:24]}"


def require_format(export_format: ExportFormat) -> None:
    """Make sure that this installation can write a format.

    Raises:
        HTTPException: Parquet is requested and its library is not installed (501).
    """
    if export_format == "parquet":
        try:
            import_pyarrow()
        except DataFileError as error:
            raise HTTPException(str(error), status_code=501, extra={"format": export_format}) from error


def encoded(export_format: ExportFormat, portions: Iterator[list[ExportRow]], count: int) -> Iterator[bytes]:
    """Yield the file piece by piece."""
    if export_format == "csv":
        return csv_pieces(COLUMNS, portions)
    return parquet_pieces(COLUMNS, portions) if export_format == "parquet" else _json(portions, count)


def _row(played: ExportedRound, *, with_sessions: bool) -> ExportRow:
    row = played._asdict()
    del row["event_id"]
    if played.winner is None:
        # The opening of a running game reveals the bot's next moves; a client that read it won 76 games of 100.
        row["opening_name"] = row["opening_seq"] = None
    if not with_sessions:
        row["game_id"] = public_game_id(played.game_id, played.finished_at)
        # The games that a game remembers are those of its session.
        row["session_id"] = row["remembered_games"] = None
    return row


def _json(portions: Iterable[list[ExportRow]], count: int) -> Iterator[bytes]:
    yield b'{"count":%d,"format":"json","data":[' % count
    separator, encode = b"", msgspec.json.Encoder().encode
    for portion in portions:
        yield separator + b",".join(map(encode, portion))
        separator = b","
    yield b"]}"
