"""A temporary database that groups the rows of a file by game.

Rows may be in any order (our own `/export` writes the newest first), but a game is imported whole or not at all.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import msgspec

from rps_cli.importers.round_files import FileRow
from rps_core.errors import DataFileError

MAX_ROWS_PER_GAME = 20_000
_ROWS_PER_INSERT = 5_000

StagedGame: TypeAlias = tuple[str, list[FileRow], int]


class Staging:
    """Rows grouped by game; they are deleted when the connection is closed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, int, bytes]] = []
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("CREATE TABLE staged (game_id TEXT, row INTEGER, data BLOB)")

    def add(self, game_id: str, row: FileRow) -> None:
        """Add a row of a game."""
        self._waiting.append((game_id, row.number, msgspec.json.encode((row.values, row.problem))))
        if len(self._waiting) >= _ROWS_PER_INSERT:
            self._flush()

    def games(self) -> Iterator[StagedGame]:
        """Yield each game's id, its rows in the order of the file, and their number, ordered by first row.

        The rows of a game with more than `MAX_ROWS_PER_GAME` are left out.
        """
        self._flush()
        self._connection.execute("CREATE INDEX by_game ON staged (game_id, row)")
        order = "SELECT game_id, count(*) FROM staged GROUP BY game_id ORDER BY min(row)"
        for game_id, count in self._connection.execute(order):
            yield game_id, (self._rows_of(game_id) if count <= MAX_ROWS_PER_GAME else []), count

    def _rows_of(self, game_id: str) -> list[FileRow]:
        query = "SELECT row, data FROM staged WHERE game_id = ? ORDER BY row"
        rows: list[FileRow] = []
        for number, data in self._connection.execute(query, (game_id,)):
            values, problem = msgspec.json.decode(data, type=tuple[dict[str, Any], str | None])
            rows.append(FileRow(number, values, problem))
        return rows

    def _flush(self) -> None:
        self._connection.executemany("INSERT INTO staged VALUES (?, ?, ?)", self._waiting)
        self._waiting.clear()


@contextmanager
def open_staging() -> Iterator[Staging]:
    """Open an empty staging area.

    Raises:
        DataFileError: the temporary folder is full or not writable.
    """
    try:
        connection = sqlite3.connect("")
        try:
            yield Staging(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DataFileError(
            f"rows cannot be written to the temporary folder: {error}; free some space there"
        ) from error
