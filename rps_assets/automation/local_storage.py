"""Dagster's SQLite storage, opened once in a process, with connections that stay open. `dagster.yaml` names it.

Dagster opens its instance for each tick of a sensor, and each time its own storage reads all of its migrations. It also
creates an engine for each query. Together that is most of what an idle loop costs. Tables, files and statements are
those of Dagster's classes, so an instance can change between both at any time.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.instance import MayHaveInstanceWeakref
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy import Connection, Engine, create_engine

# As long as Dagster itself waits for the lock of the index.
BUSY_SECONDS = 60
INDEX = "index"
_LOCK = threading.Lock()


class _Kept(MayHaveInstanceWeakref[dg.DagsterInstance]):
    """Belongs to the first instance of the process, from which it reads Dagster's settings; the others are equal."""

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Keep the first instance alive, because Dagster's class refers to it weakly."""
        with _LOCK:
            if not self.has_instance:
                self._first = instance
                super().register_instance(instance)

    def dispose(self) -> None:
        """Stay open: the storage lives as long as its process."""


class _OneFile(_Kept):
    """A storage in one file."""

    _conn_string: str

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a transaction."""
        with self._engine.begin() as connection:
            yield connection


class Runs(_OneFile, SqliteRunStorage):
    """The runs."""


class Schedules(_OneFile, SqliteScheduleStorage):
    """Ticks and states of sensors and schedules."""


class EventLogs(_Kept, SqliteEventLogStorage):
    """The events: an index of all runs, which stays open, and a file for each run, which does not."""

    @cached_property
    def _index(self) -> Engine:
        # Creates the file, or checks that its tables are those of this release.
        with super()._connect(INDEX):
            pass
        return create_engine(self.conn_string_for_shard(INDEX), connect_args={"timeout": BUSY_SECONDS})

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        if shard != INDEX:
            with super()._connect(shard) as connection:
                yield connection
            return
        index = self._index
        with self._db_lock, index.begin() as connection:
            yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store materialisations of one run and one asset in one transaction a file; other events one by one."""
        found = {(event.run_id, event.dagster_event_type, event.get_dagster_event().asset_key) for event in events}
        if len(found) != 1 or next(iter(found))[1] is not DagsterEventType.ASSET_MATERIALIZATION:
            super().store_event_batch(events)
            return
        statement = self.prepare_insert_event_batch(list(events))
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(statement)
        with self.index_transaction() as connection:
            stored = connection.execute(statement.returning(SqlEventLogStorageTable.c.id)).scalars()
            ids = sorted(stored)
            self._store_asset_event_tags(connection, events, ids)
            # The row of the asset names its newest event.
            self._store_asset_event(connection, events[-1], ids[-1])


class LocalStorage(_Kept, DagsterSqliteStorage):
    """All three, once for each folder."""

    _opened: dict[str, "LocalStorage"] = {}  # noqa: RUF012 - shared on purpose

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = Runs(self._run_storage._conn_string)
        self._event_log_storage = EventLogs(self._event_log_storage._base_dir)
        self._schedule_storage = Schedules(self._schedule_storage._conn_string)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "LocalStorage":
        """Return the storage of a folder, which the first caller opens."""
        folder = config_value["base_dir"]
        with _LOCK:
            if folder not in cls._opened:
                cls._opened[folder] = cls(folder, inst_data)
            return cls._opened[folder]
