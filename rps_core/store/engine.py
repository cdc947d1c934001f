"""Opening the gameplay database and bringing it to the current schema."""

import sqlite3
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from rps_core.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_SECONDS = 10.0
WRITING = "rps_writing"


def open_engine(url: str, *, sqlite_synchronous: str = "FULL") -> Engine:
    """Open an engine on the gameplay database; no connection is made yet.

    On SQLite a transaction of `writing(engine)` takes the write lock at its start, waits up to
    `BUSY_TIMEOUT_SECONDS` for another writer, and foreign keys are checked.

    Args:
        url: SQLAlchemy URL.
        sqlite_synchronous: FULL (an acknowledged round survives a power cut) or NORMAL (a killed process only).

    Raises:
        StoreError: the URL names no database that this installation can open.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False})
    except (ArgumentError, NoSuchModuleError, ImportError, OSError) as error:
        raise StoreError(f"the gameplay database cannot be opened: {error}") from error
    _configure_sqlite(engine, sqlite_synchronous)
    return engine


def writing(engine: Engine) -> Engine:
    """Return a view of `engine` whose transactions are going to write."""
    return engine.execution_options(**{WRITING: True})


def upgrade_store(engine: Engine) -> None:
    """Bring the schema to the newest version; does nothing where it already is.

    Raises:
        StoreError: the database is unreachable, damaged, or no database of this product.
    """
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with writing(engine).begin() as connection:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    except DBAPIError as error:
        raise StoreError(
            f"the gameplay database {engine.url.render_as_string()} cannot be used: {error.orig}; "
            "if the file is damaged or belongs to something else, move it away and start again"
        ) from error
    except CommandError as error:
        raise StoreError(
            f"the gameplay database {engine.url.render_as_string()} was written by a newer version: {error}"
        ) from error


def _configure_sqlite(engine: Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver must not open transactions by itself: `begin` below decides which kind.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
