"""Games and rounds in SQLite, through the standard library.

Usual: a connection that is opened for each request and closed afterwards, as FastAPI's tutorial on SQL databases does
with sessions; a foreign key without an index, because SQLite does not create one. WAL and synchronous FULL favour the
baseline: rounds are as durable as ours, and readers do not block the writer.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BUSY_TIMEOUT_SECONDS = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS games (
    id TEXT PRIMARY KEY, session_id TEXT, player_name TEXT, policy TEXT, family TEXT, alias TEXT, opening TEXT,
    user_score REAL DEFAULT 0, bot_score REAL DEFAULT 0, winner TEXT, created_at TEXT
);
CREATE TABLE IF NOT EXISTS rounds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, game_id TEXT REFERENCES games (id), round_no INTEGER, user_move TEXT,
    bot_move TEXT, rock_pts REAL, paper_pts REAL, scissors_pts REAL, user_score REAL, bot_score REAL, predictions TEXT,
    created_at TEXT
);
"""


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a connection for one request."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous=FULL")
    try:
        yield connection
    finally:
        connection.close()


def create_schema(path: Path) -> None:
    """Create missing tables."""
    with connected(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SCHEMA)


def insert_game(connection: sqlite3.Connection, game: dict[str, Any]) -> None:
    """Store a new game."""
    connection.execute(
        "INSERT INTO games (id, session_id, player_name, policy, family, alias, opening, created_at) "
        "VALUES (:id, :session_id, :player_name, :policy, :family, :alias, :opening, :created_at)",
        {**game, "opening": json.dumps(game["opening"]), "created_at": _now()},
    )
    connection.commit()


def find_game(connection: sqlite3.Connection, game_id: str) -> dict[str, Any] | None:
    """Return a game, or None."""
    row = connection.execute("SELECT * FROM games WHERE id = ?", (game_id,)).fetchone()
    return None if row is None else dict(row) | {"opening": json.loads(row["opening"])}


def rounds_of(connection: sqlite3.Connection, game_id: str) -> list[dict[str, Any]]:
    """Return the rounds of a game, oldest first."""
    rows = connection.execute("SELECT * FROM rounds WHERE game_id = ? ORDER BY round_no", (game_id,))
    return [dict(row) for row in rows]


def insert_round(connection: sqlite3.Connection, played: dict[str, Any], winner: str | None) -> None:
    """Store a round and the score after it, in one transaction."""
    names = list(played)
    places = ", ".join(f":{name}" for name in names)
    connection.execute(
        f"INSERT INTO rounds ({', '.join(names)}, created_at) VALUES ({places}, :now)",  # noqa: S608 - our own names
        {**played, "now": _now()},
    )
    connection.execute(
        "UPDATE games SET user_score = ?, bot_score = ?, winner = ? WHERE id = ?",
        (played["user_score"], played["bot_score"], winner, played["game_id"]),
    )
    connection.commit()


def _now() -> str:
    return datetime.now(UTC).isoformat()
