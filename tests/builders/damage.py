"""Files that are damaged where it hurts."""

import sqlite3
from contextlib import closing
from pathlib import Path


def damage_schema(database: Path) -> Path:
    """Add a table that SQLite cannot read to a database, with a name that is no text: SQLite's errors repeat it."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE xxxxxxxx (a)")
    damaged = database.read_bytes().replace(b"xxxxxxxx (a)", b"xxxxxxxx ((a").replace(b"xxxx", b"xxx\x80")
    database.write_bytes(damaged)
    return database
