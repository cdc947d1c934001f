"""Copies of the gameplay store: from any database into one SQLite file, and back.

Any SQLite client can open the file, and it can move a store from one database to another. SQLite's own backup copies a
store while games are played. Rows of PostgreSQL are read in one transaction, which sees a single moment.
"""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from rps_cli.operations.schema import migrate_to, revision_of
from rps_cli.stores import sqlite_store
from rps_core.errors import StoreError
from rps_core.store import upgrade_store
from rps_core.store.addresses import public_database, without_secrets
from rps_core.store.engine import reading, writing

VERSION_TABLE = "alembic_version"
_ROWS_A_BATCH = 5_000
# Messages of SQLite about a damaged file repeat names from it, which may not be text.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)


def save_store(engine: Engine, file: Path) -> None:
    """Write the store to a new SQLite file, while it is in use.

    Raises:
        StoreError: the store has none of our tables, or cannot be read.
    """
    revision = revision_of(engine)
    if revision is None:
        raise StoreError(
            f"the gameplay database {public_database(engine.url)} has no tables yet, so there is nothing to save"
        )
    if engine.dialect.name == "sqlite":
        copy_sqlite(Path(engine.url.database or ""), file)
        return
    with sqlite_store(file) as copy:
        migrate_to(copy, revision)
        copy_rows(engine, copy)
    settle_sqlite(file)


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database with SQLite's own backup, while it is in use.

    Raises:
        StoreError: the database cannot be read or is damaged.
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
    """Merge the write-ahead log of a SQLite database into its file.

    Raises:
        StoreError: another process has the database open, or it is damaged.
    """
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=1.0)) as opened:
            # SQLite changes the mode only for a sole user, so this also detects other processes.
            mode = opened.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except _DAMAGE as error:
        raise StoreError(
            f"the database {file} is in use or damaged: {error}; stop the processes that use it"
        ) from error
    if mode != "delete":
        raise StoreError(f"the database {file} is in use; stop the processes that use it")


def require_sound_sqlite(file: Path) -> None:
    """Make sure that a SQLite file is not damaged.

    Raises:
        StoreError: it is.
    """
    try:
        with contextlib.closing(sqlite3.connect(file)) as opened:
            faults = [row[0] for row in opened.execute("PRAGMA integrity_check(3)")]
            faults += [
                f"{row[0]} names a missing row of {row[2]}" for row in opened.execute("PRAGMA foreign_key_check")
            ]
    except _DAMAGE as error:
        raise StoreError(f"the database {file.name} is damaged: {error}") from error
    if faults != ["ok"]:
        raise StoreError(f"the database {file.name} is damaged: {'; '.join(faults[:3])}")


def require_own_schema(engine: Engine) -> None:
    """Make sure that a SQLite store at the newest revision has exactly the tables and triggers of this release.

    A foreign trigger would go on changing games after the restore.

    Raises:
        StoreError: a table or trigger is missing, differs, or does not belong to this release.
    """
    with sqlite_store() as ours:
        upgrade_store(ours)
        differing = _schema_of(engine) ^ _schema_of(ours)
    if differing:
        kind, name, _ = min(differing)
        raise StoreError(
            f"the gameplay store does not match this release: the {kind} {name[:40]!r} is missing, foreign or different"
        )


def _schema_of(engine: Engine) -> set[tuple[str, str, str]]:
    # Indexes are ignored, because an operator may have added one.
    query = text(
        "SELECT type, name, CASE type WHEN 'table' THEN '' ELSE sql END FROM sqlite_master "
        "WHERE type <> 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    try:
        with engine.connect() as connection:
            return {(kind, name, sql) for kind, name, sql in connection.execute(query)}
    except SQLAlchemyError as error:
        raise _unreadable(engine, error) from error


def _unreadable(engine: Engine, error: SQLAlchemyError) -> StoreError:
    fault = without_secrets(str(error), engine.url)
    return StoreError(f"the gameplay database {public_database(engine.url)} cannot be read: {fault}")


def row_counts(engine: Engine) -> dict[str, int]:
    """Return the number of rows of each table and view; empty if there are no tables.

    Raises:
        StoreError: the database cannot be read.
    """
    try:
        with engine.connect() as connection:
            tables = _tables(engine, views=True)
            return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
    except SQLAlchemyError as error:
        raise _unreadable(engine, error) from error


def copy_rows(source: Engine, target: Engine, *, replace: bool = False) -> None:
    """Copy every row into a database of the same schema revision, in one transaction on each side.

    Tables that only one of the databases has are not ours and are left alone.

    Args:
        source: database to read.
        target: database to write.
        replace: delete the target's rows first.

    Raises:
        StoreError: a database cannot be used; the target is unchanged.
    """
    try:
        sources = {table.name: table for table in _tables(source)}
        targets = {table.name: table for table in _tables(target) if table.name in sources}
        with reading(source).connect() as reader, writing(target).begin() as writer:
            if replace:
                for table in reversed(targets.values()):
                    writer.execute(table.delete())
            for name, table in targets.items():
                rows = reader.execution_options(yield_per=_ROWS_A_BATCH).execute(select(sources[name])).mappings()
                for batch in rows.partitions():
                    writer.execute(insert(table), [dict(row) for row in batch])
            if target.dialect.name == "postgresql":
                for name, column in _serials(targets.values()):
                    # The rows kept their numbers; the sequence must continue after them.
                    writer.execute(
                        text(
                            f"SELECT setval(pg_get_serial_sequence('{name}', '{column}'), "  # noqa: S608  # our names
                            f"(SELECT coalesce(max({column}), 1) FROM {name}), EXISTS (SELECT 1 FROM {name}))"
                        )
                    )
    except SQLAlchemyError as error:
        raise StoreError(
            f"the rows cannot be copied to {public_database(target.url)}: {without_secrets(str(error), target.url)}"
        ) from error


def _tables(engine: Engine, *, views: bool = False) -> list[Table]:
    # Read from the database, because its revision may be older than this release.
    metadata = MetaData()
    metadata.reflect(engine, views=views)
    return [table for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def _serials(tables: Iterable[Table]) -> list[tuple[str, str]]:
    return [
        (table.name, column.name)
        for table in tables
        for column in table.primary_key
        if len(table.primary_key) == 1 and isinstance(column.type, Integer)
    ]


def other_connections(engine: Engine) -> int:
    """Return the number of other connections of a PostgreSQL database; 0 for SQLite, see `settle_sqlite`.

    Raises:
        StoreError: the database cannot be queried.
    """
    if engine.dialect.name != "postgresql":
        return 0
    query = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    try:
        with engine.connect() as connection:
            return int(connection.scalar(query) or 0)
    except SQLAlchemyError as error:
        raise StoreError(f"the gameplay database {public_database(engine.url)} cannot be queried: {error}") from error
