"""The gameplay store as one SQLite file, wherever it lives, and back.

A snapshot therefore opens with any SQLite client, needs no client programs of a server, and moves a store from one
database to another. SQLite copies itself while games are played; rows of PostgreSQL are read in one transaction that
sees a single moment.
"""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from rps_cli.operations.schema import migrate_to, revision_of
from rps_core.errors import StoreError
from rps_core.store import open_engine, upgrade_store
from rps_core.store.engine import reading, writing

VERSION_TABLE = "alembic_version"
_ROWS_A_BATCH = 5_000
# What SQLite says about a damaged file repeats names from it, which may be no text.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)


def save_store(engine: Engine, file: Path) -> None:
    """Write the store to a new SQLite file, without stopping those who use it.

    Raises:
        StoreError: it holds no tables of ours, or cannot be read.
    """
    revision = revision_of(engine)
    if revision is None:
        raise StoreError(f"the gameplay database {engine.url.render_as_string()} holds nothing to save")
    if engine.dialect.name == "sqlite":
        copy_sqlite(Path(engine.url.database or ""), file)
        return
    copy = open_engine(f"sqlite:///{file}", sqlite_synchronous="NORMAL")
    try:
        migrate_to(copy, revision)
        copy_rows(engine, copy)
    finally:
        copy.dispose()
    settle_sqlite(file)


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database by its own backup, while it is used.

    Raises:
        StoreError: it cannot be read or is damaged.
    """
    try:
        with (
            contextlib.closing(sqlite3.connect(source)) as opened,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            opened.backup(copy)
    except _DAMAGE as error:
        raise StoreError(f"the database {source} cannot be copied: {error}") from error
    settle_sqlite(target)


def settle_sqlite(file: Path) -> None:
    """Make a database one file without a log beside it.

    Raises:
        StoreError: another process has it open, or it is damaged.
    """
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=1.0)) as opened:
            # Only who has a database for itself may change this, so that it also tells whether anybody else has it.
            mode = opened.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except _DAMAGE as error:
        raise StoreError(f"the database {file} is in use or damaged: {error}") from error
    if mode != "delete":
        raise StoreError(f"the database {file} is in use")


def require_sound_sqlite(file: Path) -> None:
    """Make sure that a SQLite file is whole.

    Raises:
        StoreError: it is not.
    """
    try:
        with contextlib.closing(sqlite3.connect(file)) as opened:
            said = [row[0] for row in opened.execute("PRAGMA integrity_check(3)")]
            said += [f"{row[0]} names a missing row of {row[2]}" for row in opened.execute("PRAGMA foreign_key_check")]
    except _DAMAGE as error:
        raise StoreError(f"{file.name} is no sound database: {error}") from error
    if said != ["ok"]:
        raise StoreError(f"{file.name} is no sound database: {'; '.join(said[:3])}")


def require_own_schema(engine: Engine) -> None:
    """Make sure that a SQLite store at the newest revision holds tables and triggers of this release, and no others.

    A trigger acts by itself: one that came with a file would go on changing games.

    Raises:
        StoreError: something is missing, or is there that no migration made.
    """
    ours = open_engine("sqlite://")
    try:
        upgrade_store(ours)
        odd = _schema_of(engine) ^ _schema_of(ours)
    finally:
        ours.dispose()
    if odd:
        kind, name, _ = min(odd)
        raise StoreError(
            f"the gameplay store is not of this release: {kind} {name[:40]!r} is missing, foreign or other"
        )


def _schema_of(engine: Engine) -> set[tuple[str, str, str]]:
    # Indexes are left out: an operator may have added one.
    query = text(
        "SELECT type, name, CASE type WHEN 'table' THEN '' ELSE sql END FROM sqlite_master "
        "WHERE type <> 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    try:
        with engine.connect() as connection:
            return {(kind, name, sql) for kind, name, sql in connection.execute(query)}
    except SQLAlchemyError as error:
        raise StoreError(f"the gameplay database {engine.url.render_as_string()} cannot be read: {error}") from error


def row_counts(engine: Engine) -> dict[str, int]:
    """Return the number of rows of each table of ours; empty where there are no tables.

    Raises:
        StoreError: the database cannot be read.
    """
    try:
        with engine.connect() as connection:
            tables = _tables(engine)
            return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
    except SQLAlchemyError as error:
        raise StoreError(f"the gameplay database {engine.url.render_as_string()} cannot be read: {error}") from error


def copy_rows(source: Engine, target: Engine, *, replace: bool = False) -> None:
    """Copy every row into a database of the same schema revision, in one transaction on each side.

    Tables that only one of the two has are somebody else's and are left alone.

    Args:
        source: where the rows come from.
        target: where they go.
        replace: delete what is in the tables before.

    Raises:
        StoreError: one of the two cannot be used; the target is as it was.
    """
    try:
        here = {table.name: table for table in _tables(source)}
        there = {table.name: table for table in _tables(target) if table.name in here}
        with reading(source).connect() as reader, writing(target).begin() as writer:
            if replace:
                for table in reversed(there.values()):
                    writer.execute(table.delete())
            for name, table in there.items():
                rows = reader.execution_options(yield_per=_ROWS_A_BATCH).execute(select(here[name])).mappings()
                for batch in rows.partitions():
                    writer.execute(insert(table), [dict(row) for row in batch])
            if target.dialect.name == "postgresql":
                for name, column in _serials(there.values()):
                    # Rows came with their numbers; the next one must be a new one.
                    writer.execute(
                        text(
                            f"SELECT setval(pg_get_serial_sequence('{name}', '{column}'), "  # noqa: S608  # our names
                            f"(SELECT coalesce(max({column}), 1) FROM {name}), EXISTS (SELECT 1 FROM {name}))"
                        )
                    )
    except SQLAlchemyError as error:
        raise StoreError(f"the rows cannot be copied to {target.url.render_as_string()}: {error}") from error


def _tables(engine: Engine) -> list[Table]:
    # As the database has them: its revision may be older than what this release's tables look like.
    metadata = MetaData()
    metadata.reflect(engine)
    return [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def _serials(tables: Iterable[Table]) -> list[tuple[str, str]]:
    return [
        (table.name, column.name)
        for table in tables
        for column in table.primary_key
        if len(table.primary_key) == 1 and isinstance(column.type, Integer)
    ]


def other_connections(engine: Engine) -> int:
    """Return how many other connections a PostgreSQL database has; 0 for SQLite, which is asked by `settle_sqlite`.

    Raises:
        StoreError: it cannot be asked.
    """
    if engine.dialect.name != "postgresql":
        return 0
    asked = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    try:
        with engine.connect() as connection:
            return int(connection.scalar(asked) or 0)
    except SQLAlchemyError as error:
        raise StoreError(f"the gameplay database {engine.url.render_as_string()} cannot be asked: {error}") from error
