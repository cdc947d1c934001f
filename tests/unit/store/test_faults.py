"""Kinds of database errors, from real errors of SQLite and from the SQLSTATE codes of PostgreSQL."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rps_core.errors import StoreError
from rps_core.store import open_engine, upgrade_store
from rps_core.store.faults import fault_kind


def on_a_full_disk(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count = 2")
        connection.execute("INSERT INTO t VALUES (zeroblob(1000000))")


def while_it_is_locked(path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        sqlite3.connect(path, timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
    finally:
        holder.close()


def opened_read_only(path: Path) -> None:
    sqlite3.connect(path).execute("CREATE TABLE t (x)")
    sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("INSERT INTO t VALUES (1)")


def of_something_else(path: Path) -> None:
    path.write_bytes(b"no database " * 500)
    sqlite3.connect(path).execute("SELECT * FROM t")


def in_no_folder(path: Path) -> None:
    sqlite3.connect(path / "missing" / "rps.db").execute("SELECT 1")


def with_a_mistake(path: Path) -> None:
    sqlite3.connect(path).execute("SELECT nothing")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@pytest.mark.parametrize(
    ("provoke", "kind"),
    [
        (on_a_full_disk, "full"),
        (while_it_is_locked, "locked"),
        (opened_read_only, "read_only"),
        (of_something_else, "corrupt"),
        (in_no_folder, "unreachable"),
        (with_a_mistake, "other"),
    ],
)
def test_errors_of_sqlite_have_a_kind(provoke: Callable[[Path], None], kind: str, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.Error) as refused:
        provoke(tmp_path / "rps.db")
    assert fault_kind(OperationalError("INSERT", {}, refused.value)) == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DiskFull(), "full"),
        (psycopg.errors.LockNotAvailable(), "locked"),
        (psycopg.errors.ReadOnlySqlTransaction(), "read_only"),
        (psycopg.errors.DataCorrupted(), "corrupt"),
        (psycopg.errors.AdminShutdown(), "unreachable"),
        (psycopg.errors.TooManyConnections(), "unreachable"),
        (psycopg.errors.UndefinedTable(), "other"),
    ],
)
def test_states_of_postgresql_have_a_kind(error: psycopg.Error, kind: str) -> None:
    assert fault_kind(DBAPIError("INSERT", {}, error)) == kind


def test_a_broken_connection_and_an_exhausted_pool_are_unreachable() -> None:
    broken = DBAPIError("INSERT", {}, psycopg.OperationalError(), connection_invalidated=True)
    assert (fault_kind(broken), fault_kind(PoolTimeout())) == ("unreachable", "unreachable")


@pytest.mark.parametrize("option", ["pgbouncer=true", "schema=public"])
def test_an_option_of_another_driver_is_named(option: str) -> None:
    engine = open_engine(f"postgresql+psycopg://u@127.0.0.1:1/db?{option}")
    with pytest.raises(
        StoreError, match=f'option "{option.partition("=")[0]}"; remove this option from RPS_DATABASE_U'
    ):
        upgrade_store(engine)
    engine.dispose()


def test_any_other_error_has_the_kind_other() -> None:
    assert fault_kind(ValueError("a bug")) == "other"
