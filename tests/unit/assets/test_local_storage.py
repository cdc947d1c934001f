"""Dagster's storage on one machine: opened once in a process, and Dagster's own in everything else."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from rps_cli.up.layout import PROJECT

INSTANCE = PROJECT / "dagster_home" / "dagster.yaml"


@dg.asset
def counted() -> dg.MaterializeResult[None]:
    """An asset with an event to look for."""
    return dg.MaterializeResult(metadata={"rows": 3})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Dagster's home with the instance file of the product."""
    (tmp_path / "dagster.yaml").write_text(INSTANCE.read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def test_each_tick_finds_the_storage_open_and_dagsters_own_reads_what_it_wrote(home: Path) -> None:
    with dg.DagsterInstance.get() as first:
        result = dg.materialize([counted], instance=first)
        ref, storage = first.get_ref(), first.event_log_storage
    for _ in range(2):
        # As the code server does for each tick, also after an instance was closed.
        with dg.DagsterInstance.from_ref(ref) as tick:
            assert tick.event_log_storage is storage
            assert tick.get_run_by_id(result.run_id) is not None
            assert tick.get_latest_materialization_event(counted.key) is not None
            assert tick.all_instigator_state() == []
            assert tick.get_concurrency_config().pool_config.default_pool_limit == 1
    theirs = DagsterSqliteStorage(str(home))
    assert [run.run_id for run in theirs.run_storage.get_runs()] == [result.run_id]
    (record,) = theirs.event_log_storage.get_asset_records([counted.key])
    assert record.asset_entry.last_materialization_storage_id


def test_another_home_has_another_storage(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.get() as first:
        dg.materialize([counted], instance=first)
    other = tmp_path_factory.mktemp("other")
    (other / "dagster.yaml").write_text((home / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(other))
    with dg.DagsterInstance.get() as second:
        assert second.get_runs() == []
