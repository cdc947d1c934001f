"""Deletion of old runs in the Dagster instance, with their events and logs."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import func, select

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# Dagster stores events that belong to no run, like the reports of new rounds, under an empty id.
NO_RUN = ""


def delete_old_runs(instance: dg.DagsterInstance, before: datetime, log: Callable[[str], None]) -> list[str]:
    """Delete the runs that ended before a moment, with their events, logs and files; return their ids.

    Runs stay that hold the newest materialisation of an asset or partition, or the newest evaluation of a check: the
    sensors and the UI read them. The row of a run goes last, so a killed deletion is finished by the next one.
    """
    kept, old = runs_in_use(instance), dg.RunsFilter(statuses=FINISHED, updated_before=before)
    deleted = [run_id for run_id in instance.get_run_ids(old) if run_id not in kept]
    for run_id in deleted:
        _delete_run(instance, run_id)
    if deleted:
        log(f"deleted {len(deleted)} runs that ended before {before:%F %T} UTC: {', '.join(deleted[:20])}")
    return deleted


def runs_in_use(instance: dg.DagsterInstance) -> set[str]:
    """Return the runs that hold the newest materialisation of an asset or partition, or evaluation of a check."""
    event, check = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    made = event.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION.value
    made_last = select(func.max(event.id)).where(made).group_by(event.asset_key, event.partition)
    checked_last = select(func.max(check.id)).group_by(check.asset_key, check.check_name)
    queries = [
        select(event.run_id).where(event.id.in_(made_last)),
        select(check.run_id).where(check.id.in_(checked_last)),
    ]
    with _index(instance) as connection:
        return {run_id for query in queries for run_id in connection.execute(query).scalars()}


def _index(instance: dg.DagsterInstance) -> Any:
    """Connect to the events of all runs, which Dagster stores in the same tables on SQLite and on PostgreSQL."""
    return cast("SqlEventLogStorage", instance.event_log_storage).index_connection()


def delete_old_reports(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete events without a run that are older than a moment, except the newest of each asset; return their number.

    Each report of new rounds is such an event. Dagster has no call for this.
    """
    storage = cast("SqlEventLogStorage", instance.event_log_storage)
    row = SqlEventLogStorageTable.c
    # SQLite keeps these events in two files; on PostgreSQL both connections reach the same table.
    counts = []
    for opened in (storage.run_connection(NO_RUN), _index(instance)):
        with opened as connection:
            newest = select(func.max(row.id)).where(row.run_id == NO_RUN)
            last = newest.group_by(row.asset_key, row.partition, row.dagster_event_type)
            old = (row.run_id == NO_RUN) & (row.timestamp < before.replace(tzinfo=None)) & row.id.not_in(last)
            counts.append(connection.execute(SqlEventLogStorageTable.delete().where(old)).rowcount)
    return max(counts)


def _delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    events, checks = cast("SqlEventLogStorage", instance.event_log_storage), AssetCheckExecutionsTable
    with _index(instance) as connection:
        events.delete_events_for_run(connection, run_id)
        connection.execute(checks.delete().where(checks.c.run_id == run_id))
    events.free_concurrency_slots_for_run(run_id)
    if isinstance(events, SqliteEventLogStorage):
        shard = Path(events.path_for_shard(run_id))
        for file in (shard, *(shard.with_name(f"{shard.name}{end}") for end in ("-wal", "-shm"))):
            file.unlink(missing_ok=True)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
    instance.run_storage.delete_run(run_id)
