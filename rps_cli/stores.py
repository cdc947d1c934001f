"""Places that commands open and close: the gameplay store and SQLite files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine

from rps_core.settings import StorageSettings
from rps_core.store import open_engine, upgrade_store


@contextmanager
def gameplay_store(storage: StorageSettings, *, upgrade: bool = False) -> Iterator[Engine]:
    """Open the gameplay store, at the newest schema if `upgrade` is set.

    Raises:
        StoreError: the store is damaged, foreign, out of reach, or newer than this release.
    """
    engine = open_engine(storage.database_url, **storage.engine_options)
    try:
        if upgrade:
            upgrade_store(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def sqlite_store(file: Path | None = None) -> Iterator[Engine]:
    """Open a gameplay store in a SQLite file, or an empty database in memory."""
    engine = open_engine(URL.create("sqlite", database=None if file is None else str(file)))
    try:
        yield engine
    finally:
        engine.dispose()
