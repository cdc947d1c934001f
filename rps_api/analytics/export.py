"""`/export`: rounds as JSON, CSV or Parquet, a portion at a time, in columns that `rps import-rounds` reads back."""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from litestar.exceptions import HTTPException
from sqlalchemy import Engine

from rps_core.errors import DataFileError
from rps_core.store.analytics import GameFilter, export_portion
from rps_core.store.analytics.listing import GAME_FIELDS, ExportedRound, ExportPage
from rps_core.store.round_columns import import_pyarrow, parquet_schema

ExportFormat: TypeAlias = Literal["json", "csv", "parquet"]
# A round on its way into a file: its own fields, those of its game in the midst of them.
Row: TypeAlias = tuple[Any, ...]
MEDIA_TYPES: dict[ExportFormat, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
COLUMNS = tuple(name for name in ExportedRound._fields if name != "event_id")
_FIRST = COLUMNS.index(GAME_FIELDS[0])
_BEHIND = _FIRST + len(GAME_FIELDS)


class Portion(NamedTuple):
    """Some rounds of a page, and what is told of each of their games: it is written once, not with each round."""

    rounds: list[Row]
    games: dict[str, Row]

    def rows(self) -> Iterator[Row]:
        """Yield the rounds in the order of `COLUMNS`."""
        for played in self.rounds:
            yield (*played[:_FIRST], *self.games[played[0]], *played[_FIRST:])


def rows_of(engine: Engine, filters: GameFilter, page: ExportPage, *, with_sessions: bool) -> Iterator[Portion]:
    """Yield the rounds of a page in portions, the newest first; sessions and ids of running games only if asked for."""
    # No connection is held between two portions: a slow reader must not keep the write-ahead log from being emptied.
    while page.rows > 0:
        with engine.connect() as connection:
            portion = export_portion(connection, filters, page)
        page = page.after(portion)
        if not with_sessions:
            portion = [one._replace(game_id=told_game_id(one.game_id, one.finished_at)) for one in portion]
        games = {played.game_id: played for played in portion}
        yield Portion(
            [(*played[1 : _FIRST + 1], *played[_BEHIND + 1 :]) for played in portion],
            {game_id: _told(played, with_sessions=with_sessions) for game_id, played in games.items()},
        )


def told_game_id(game_id: str, finished_at: datetime | None) -> str:
    """Return the id under which the public may know a game.

    Whoever knows the id of a running game can play it, so that one is told under a name made from its id, which is the
    same in every answer and leads nowhere.
    """
    return game_id if finished_at else f"running-{hashlib.sha256(game_id.encode()).hexdigest()[:24]}"


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


def encoded(wanted: ExportFormat, portions: Iterator[Portion], count: int) -> Iterator[bytes]:
    """Yield the file piece by piece."""
    if wanted == "csv":
        return _csv(portions)
    return _parquet(portions) if wanted == "parquet" else _json(portions, count)


def _told(played: ExportedRound, *, with_sessions: bool) -> Row:
    if played.winner is None:
        # The opening of a running game tells the bot's next moves; a client that read it won 76 games of 100.
        played = played._replace(opening_name=None, opening_seq=None)
    if not with_sessions:
        played = played._replace(session_id=None)  # type: ignore[arg-type]
    return played[_FIRST + 1 : _BEHIND + 1]


def _json(portions: Iterator[Portion], count: int) -> Iterator[bytes]:
    yield b'{"count":%d,"format":"json","data":[' % count
    separator, before, behind = b"", COLUMNS[:_FIRST], COLUMNS[_BEHIND:]
    for portion in portions:
        games = {game_id: _fields(GAME_FIELDS, game) for game_id, game in portion.games.items()}
        yield separator + b",".join(
            b"{%b,%b,%b}" % (_fields(before, played), games[played[0]], _fields(behind, played[_FIRST:]))
            for played in portion.rounds
        )
        separator = b","
    yield b"]}"


def _fields(names: Sequence[str], values: Row) -> bytes:
    """Return the inside of a JSON object; values behind the last name are left out."""
    return msgspec.json.encode(dict(zip(names, values, strict=False)))[1:-1]


def _csv(portions: Iterator[Portion]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    yield text.getvalue().encode()
    for portion in portions:
        text.seek(0)
        text.truncate()
        cells = Portion(
            # Of what belongs to a round alone, only its time needs a hand.
            [(*played[:-2], played[-2].isoformat(), played[-1]) for played in portion.rounds],
            {game_id: _csv_cells(game) for game_id, game in portion.games.items()},
        )
        writer.writerows(cells.rows())
        yield text.getvalue().encode()


def _csv_cells(values: Row) -> Row:
    return tuple(
        value.isoformat() if isinstance(value, datetime) else str(value).lower() if isinstance(value, bool) else value
        for value in values
    )


def _parquet(portions: Iterator[Portion]) -> Iterator[bytes]:
    import pyarrow
    import pyarrow.parquet

    ours = {"round_no": "round"}
    fields = [parquet_schema().field(ours.get(name, name)).with_name(name) for name in COLUMNS]
    sink, schema = _Drain(), pyarrow.schema(fields)
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for portion in portions:
            columns = zip(fields, zip(*portion.rows(), strict=True), strict=True)
            arrays = [pyarrow.array(values, type=field.type) for field, values in columns]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
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
