"""Damaged files."""

import sqlite3
from contextlib import closing
from pathlib import Path


def damage_schema(database: Path) -> Path:
    """Add an unreadable table to a SQLite database; its name is not valid UTF-8, and SQLite's errors contain it."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE xxxxxxxx (a)")
    damaged = database.read_bytes().replace(b"xxxxxxxx (a)", b"xxxxxxxx ((a").replace(b"xxxx", b"xxx\x80")
    database.write_bytes(damaged)
    return database
