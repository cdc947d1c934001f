"""Reader for a database file of the original system, which is never changed.

Older files lack later columns, and years of clients wrote values of any kind: values are returned as they are, only
shortened.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from rps_cli.importers.files import require_readable
from rps_core.errors import DataFileError
from rps_core.game.moves import MOVES

SourceRow: TypeAlias = Mapping[str, Any]

_MAGIC = b"SQLite format 3\0"
# Longer texts are cut one character after the limit, so that parsers see that they are too long.
MAX_TEXT_CHARACTERS = 1_000
MAX_JSON_CHARACTERS = 100_000
# The longest game has twenty rounds; a game with more rows than this is broken.
MAX_ROUND_ROWS = 200

# The columns of each table; those whose name differs from ours are named `theirs:ours`.
_COLUMNS = {
    "games": "id:game_id session_id bot_policy user_score bot_score winner created_ts finished_ts:finished_at "
    "opening_name opening_seq easy_mode is_test created_ts_utc:created_at bot_model_alias:model_alias player_name",
    "events": "game_id ts user_move:player_move bot_move result user_delta bot_delta user_score bot_score "
    "step_no:round created_ts_utc:event_ts " + " ".join(f"round_{move}_pts:{move}_pts" for move in MOVES),
    "promotion_events": "id created_ts_utc model_type decision z_statistic p_value production_wins "
    "production_total_games b_wins b_total_games reorder_applied alias_rankings_json alias_accuracies_json "
    "alias_assignments_json production_games_since_swap b_games_since_swap promotion_cycles_since_swap reason source "
    "payload_json",
}
_REQUIRED = {"games": ("id", "bot_policy"), "events": ("game_id", "user_move", "bot_move")}


class OriginalFile:
    """The rows of one file, as mappings by our names; columns that the file lacks are None."""

    def __init__(self, connection: sqlite3.Connection, columns: Mapping[str, frozenset[str]]) -> None:
        self._connection = connection
        self._columns = columns
        # The original has no index on the game of a round, so every game would scan all rounds.
        connection.execute("CREATE TEMP TABLE round_rows AS SELECT game_id, rowid AS row FROM main.events")
        connection.execute("CREATE INDEX temp.by_game ON round_rows (game_id, row)")

    def games(self) -> Iterator[SourceRow]:
        """Yield the games in the order of their start."""
        return self._connection.execute(f"SELECT {self._select('games')} FROM main.games ORDER BY rowid")  # noqa: S608

    def rounds_of(self, game_id: object) -> list[SourceRow]:
        """Return the rounds of a game in the order of the file, at most `MAX_ROUND_ROWS` + 1."""
        query = (
            f"SELECT {self._select('events')} FROM temp.round_rows AS r "  # noqa: S608
            "JOIN main.events ON main.events.rowid = r.row WHERE r.game_id = ? ORDER BY r.row LIMIT ?"
        )
        return self._connection.execute(query, (game_id, MAX_ROUND_ROWS + 1)).fetchall()

    def orphaned_rounds(self) -> int:
        """Return the number of rounds without a game."""
        known = "SELECT id FROM main.games WHERE id IS NOT NULL"
        query = f"SELECT count(*) AS n FROM temp.round_rows WHERE game_id IS NULL OR game_id NOT IN ({known})"  # noqa: S608
        return int(self._connection.execute(query).fetchone()["n"])

    def promotion_events(self) -> Iterator[SourceRow]:
        """Yield the promotion ledger, oldest first; nothing if the file has none."""
        if "promotion_events" not in self._columns:
            return iter(())
        query = f"SELECT {self._select('promotion_events')} FROM main.promotion_events ORDER BY rowid"  # noqa: S608
        return self._connection.execute(query)

    def _select(self, table: str) -> str:
        """Return the columns by our names; texts are shortened before they are read."""
        selected = []
        for column in _COLUMNS[table].split():
            theirs, _, ours = column.partition(":")
            name, limit = f'main.{table}."{theirs}"', MAX_JSON_CHARACTERS if "_json" in theirs else MAX_TEXT_CHARACTERS
            short = f"CASE WHEN typeof({name}) IN ('text', 'blob') THEN substr({name}, 1, {limit + 1}) ELSE {name} END"
            selected.append(f"{short if theirs in self._columns[table] else 'NULL'} AS {ours or theirs}")
        return ", ".join(selected)


@contextmanager
def open_original(path: Path) -> Iterator[OriginalFile]:
    """Open a file of the original system for reading.

    Raises:
        DataFileError: the file cannot be read, is not a SQLite file, is damaged, or lacks a table or a column.
    """
    require_readable(path)
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DataFileError(f"{path} is not a SQLite file")
    try:
        connection = sqlite3.connect(_read_only_uri(path), uri=True)
        try:
            connection.row_factory = _as_mapping
            connection.text_factory = _decoded
            # Views and defaults of a foreign file must not call functions with side effects.
            connection.execute("PRAGMA trusted_schema=OFF")
            yield OriginalFile(connection, _usable_columns(connection, path))
        finally:
            connection.close()
    # Messages of SQLite about a damaged schema repeat its bytes, which may not be text.
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise DataFileError(
            f"{path} cannot be read: {error}; if it is damaged, `sqlite3 {path.name} .recover` may save it"
        ) from error


def _read_only_uri(path: Path) -> str:
    """Return a URI that opens the file without creating other files, unless its log must be read too."""
    log = path.with_name(path.name + "-wal")
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    return f"{path.absolute().as_uri()}?{mode}"


def _usable_columns(connection: sqlite3.Connection, path: Path) -> dict[str, frozenset[str]]:
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" in tables:
        raise DataFileError(
            f"{path} is a store of this product, not of the original system; use `rps export-rounds` "
            "and `rps import-rounds`"
        )
    columns: dict[str, frozenset[str]] = {}
    for table in ("games", "events", "promotion_events"):
        if table in tables:
            columns[table] = frozenset(row["name"] for row in connection.execute(f"PRAGMA table_info({table})"))
        if missing := [name for name in _REQUIRED.get(table, ()) if name not in columns.get(table, ())]:
            lacking = f"the columns {', '.join(missing)} of " if table in tables else ""
            raise DataFileError(f"{path} is not a database of the original system: it lacks {lacking}the table {table}")
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()["quick_check"]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem)
    return columns


def _as_mapping(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
