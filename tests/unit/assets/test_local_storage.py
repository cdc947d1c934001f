"""Dagster's storage on one machine: opened once in a process, and Dagster's own in everything else."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from rps_assets.assets.event_batch import BATCH_VARIABLE, log_together
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


DAYS = dg.DailyPartitionsDefinition("2026-11-01", end_date="2026-11-06")


@dg.asset(partitions_def=DAYS)
def days(context: dg.AssetExecutionContext) -> None:
    """Materialise one day as Dagster does, and report the others together."""
    log_together(
        context,
        [
            dg.AssetMaterialization(
                "days", partition=day, metadata={"rows": number}, tags={"dagster/data_version": f"v{number}"}
            )
            for number, day in enumerate(DAYS.get_partition_keys())
        ],
    )


@pytest.mark.parametrize("size", [1, 2, 1_000], ids=["one by one", "in portions", "together"])
def test_materialisations_that_are_reported_together_are_stored_like_single_ones(
    home: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setenv(BATCH_VARIABLE, str(size))
    with dg.DagsterInstance.get() as instance:
        result = dg.materialize([days], instance=instance, partition_key="2026-11-01")
        assert result.success
        # The last event of the first day is Dagster's own, which knows no version of the data.
        assert len(result.asset_materializations_for_node("days")) == 6
        stored = instance.event_log_storage
        assert stored.get_materialized_partitions(days.key) == set(DAYS.get_partition_keys())
        versions = stored.get_latest_tags_by_partition(
            days.key, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
        )
        assert {day: tags["dagster/data_version"] for day, tags in versions.items() if day != "2026-11-01"} == {
            f"2026-11-0{number + 1}": f"v{number}" for number in range(1, 5)
        }
    theirs = DagsterSqliteStorage(str(home)).event_log_storage
    of_run = [
        (event.dagster_event.partition, materialized.metadata["rows"].value)
        for event in theirs.get_logs_for_run(result.run_id)
        if event.dagster_event and (materialized := event.asset_materialization) and "rows" in materialized.metadata
    ]
    assert of_run == [(day, number) for number, day in enumerate(DAYS.get_partition_keys())]
    newest = theirs.get_latest_materialization_events([days.key])[days.key]
    assert newest is not None
    assert newest.run_id == result.run_id
