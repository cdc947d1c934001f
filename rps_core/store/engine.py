"""Opening the gameplay database and upgrading its schema."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from rps_core.errors import StoreError
from rps_core.store.addresses import public_database, without_secrets
from rps_core.store.faults import require_writable, unusable

if TYPE_CHECKING:
    import alembic.config

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_SECONDS = 10.0
# SQLite writes whole pages, and a round changes three. Only a new file takes this size; the default is 4,096.
PAGE_BYTES = 2_048
# Pages in the write-ahead log before SQLite copies them into the file, each page once however often it changed.
CHECKPOINT_PAGES = 4_000
WRITING = "rps_writing"
_WRITE_LOCK = "rps_write_lock"
# As many connections as there are threads that answer requests; a longer wait for one is an error.
_POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 30, "pool_timeout": 5.0}
# Key of PostgreSQL's advisory lock: any number that nothing else in the database uses.
_UPGRADE_LOCK = 7_771_202_611


class Writer:
    """Opens transactions that write.

    On SQLite the writers of a process first queue for a lock in this process, because SQLite makes a waiting writer
    poll with growing pauses. With the lock, eight threads played 400 rounds a second instead of 200, and the slowest
    of a hundred rounds took 80 ms instead of 700 ms.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{WRITING: True})
        self._lock: threading.Lock | None = engine.get_execution_options().get(_WRITE_LOCK)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction, which commits at the end and rolls back on an exception."""
        if self._lock is None:
            with self._engine.begin() as connection:
                yield connection
            return
        with self._lock, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Open the same transaction on a cursor of the driver: SQLAlchemy's own path costs 100 µs more, half a round.

        Raises:
            sqlalchemy.exc.DBAPIError: the database cannot be reached, or refuses a statement.
        """
        dialect = self._engine.dialect
        connection: PoolProxiedConnection | None = None
        with self._lock or nullcontext():
            try:
                # Unlike `connect`, it raises the driver's own errors.
                connection = self._engine.raw_connection()
                cursor = connection.cursor()
                if self._lock is not None:
                    cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                connection.commit()
            except dialect.loaded_dbapi.Error as error:
                lost = connection is not None and dialect.is_disconnect(error, connection.driver_connection, None)
                if connection is not None and lost:
                    connection.invalidate(error)
                base, hidden = dialect.loaded_dbapi.Error, True
                raise DBAPIError.instance(
                    None, None, error, base, hidden, connection_invalidated=lost, dialect=dialect
                ) from error
            finally:
                if connection is not None:
                    # The pool rolls back what was not committed.
                    connection.close()


def open_engine(url: str | URL, *, sqlite_synchronous: str = "FULL", prepared_statements: str = "auto") -> Engine:
    """Open an engine on the gameplay database, without connecting to it.

    On SQLite a transaction of `writing(engine)` takes the write lock at its start and waits up to
    `BUSY_TIMEOUT_SECONDS` for another writer. Foreign keys are checked.

    Args:
        url: SQLAlchemy URL.
        prepared_statements: on PostgreSQL, "auto" (not behind a pooler) or "off".
        sqlite_synchronous: FULL (an acknowledged round survives a power cut) or NORMAL (only a killed process).

    Raises:
        StoreError: this installation cannot open the database.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            server = create_engine(parsed, pool_pre_ping=True, hide_parameters=True, **_POOL)
            _configure_postgresql(server, prepared_statements)
            return server
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            execution_options={_WRITE_LOCK: threading.Lock()},
            # The log shows a failed statement, but not the players' names and session ids.
            hide_parameters=True,
            **({} if parsed.database in {None, "", ":memory:"} else _POOL),
        )
    except (ArgumentError, NoSuchModuleError, ImportError, OSError, ValueError) as error:
        raise StoreError(f"the gameplay database cannot be opened: {without_secrets(str(error), url)}") from error
    _configure_sqlite(engine, sqlite_synchronous)
    return engine


def writing(engine: Engine) -> Writer:
    """Return the writer of an engine."""
    return Writer(engine)


def reading(engine: Engine) -> Engine:
    """Return an engine whose transactions see the database as it was at their first statement.

    SQLite always works this way. PostgreSQL's default shows each statement the newest commits: a game and its rounds,
    read by two statements, could then disagree, and the next round would be added to a wrong score.
    """
    if engine.dialect.name != "postgresql":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def upgrade_store(engine: Engine) -> None:
    """Upgrade the schema to the newest version, if it is older.

    Raises:
        StoreError: the database is unreachable, read-only, damaged, or does not belong to this product.
    """
    require_writable(engine)
    if _is_newest(engine):
        return
    # Importing Alembic takes a sixth of the API's start, and nearly every start has nothing to upgrade.
    import alembic.command

    with migrating(engine) as config:
        alembic.command.upgrade(config, "head")


def _is_newest(engine: Engine) -> bool:
    """Return whether the schema is the newest; False if the database cannot be read: `migrating` then reports why."""
    # Each file's name starts with its revision; `tests/unit/store/test_engine.py` checks that.
    newest = max(file.name for file in (MIGRATIONS / "versions").glob("*.py")).partition("_")[0]
    try:
        with engine.connect() as connection:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [newest]
    except DBAPIError:
        return False


@contextmanager
def migrating(engine: Engine) -> "Iterator[alembic.config.Config]":
    """Open the transaction in which the schema may change, and yield Alembic's configuration for it.

    Raises:
        StoreError: the database is unreachable, damaged, or does not belong to this product.
    """
    import alembic.config
    from alembic.util import CommandError

    config = alembic.config.Config()
    # Alembic expands a percent sign, which the folder of a checkout may contain.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with writing(engine).begin() as connection:
            if connection.dialect.name == "postgresql":
                # Two workers that start on an empty database would both create the tables. On SQLite the write lock
                # prevents it.
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            config.attributes["connection"] = connection
            yield config
    except DBAPIError as error:
        raise StoreError(unusable(engine.url, error)) from error
    except CommandError as error:
        raise StoreError(
            f"the gameplay database {public_database(engine.url)} was written by a newer version ({error}); "
            "run that version"
        ) from error


def _configure_postgresql(engine: Engine, prepared_statements: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        if engine.dialect.driver != "psycopg":
            return
        # A pooler in transaction mode gives each transaction another server process, which does not know what the last
        # one prepared. Every pooler answers with its own key of the connection instead of the process's id.
        process = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()[0]
        connection.rollback()
        if prepared_statements == "off" or process != connection.info.backend_pid:
            connection.prepare_threshold = None


def _configure_sqlite(engine: Engine, synchronous: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver must not open transactions itself: `begin` below chooses their kind.
        connection.isolation_level = None
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
