"""Backfills, launched like in the UI and executed by Dagster's own daemons."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.data_version import extract_data_version_from_entry

from rps_assets.assets import keys
from rps_core.game.families import ALIASES, FAMILIES, SLOTS
from tests.integration.assets.plant import Plant, open_plant, set_environment, wait_for
from tests.integration.assets.world import World, fill_store

pytestmark = pytest.mark.usefixtures("tiny_trials")

LAUNCH = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}"""
STATUS = """
query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""
LINEAGE = """
query Lineage {
  assetNodeOrError(assetKey: {path: ["training", "dataset"]}) {
    ... on AssetNode { dependencyKeys { path } staleStatus }
  }
}"""
LOOP = [
    keys.TRAINING_GAMES, keys.DATASET, *keys.MODELS.values(), keys.PERFORMANCE, *keys.PROMOTIONS.values(),
    keys.MODEL_CACHE, keys.SERVED_MODELS,
]  # fmt: skip
TRIED = ["xgb_c11", "xgb_c12"]
# The games of the world were played on the first of them.
DAYS = ["2026-11-01", "2026-11-02", "2026-11-03"]


def backfill(plant: Plant, assets: list[dg.AssetKey], **partitions: Any) -> str:
    """Launch a backfill and return its id."""
    params = {"assetSelection": [{"path": list(key.path)} for key in assets], **partitions}
    launched = plant.ask(LAUNCH, {"params": params})["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def status(plant: Plant, backfill_id: str) -> str:
    return str(plant.ask(STATUS, {"id": backfill_id})["partitionBackfillOrError"]["status"])


def runs_of(plant: Plant, backfill_id: str) -> list[dg.RunRecord]:
    """Return the runs of a backfill in the order of their requests."""
    found = plant.instance.get_run_records(dg.RunsFilter(tags={"dagster/backfill": backfill_id}), ascending=True)
    return list(found)


def materialises(record: dg.RunRecord, key: dg.AssetKey) -> bool:
    return key in (record.dagster_run.asset_selection or ())


def range_of(record: dg.RunRecord) -> tuple[str | None, str | None]:
    tags = record.dagster_run.tags
    return tags.get("dagster/asset_partition_range_start"), tags.get("dagster/asset_partition_range_end")


def test_a_backfill_of_everything_succeeds_while_another_one_waits_and_fills_every_slot_again(
    trained: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, trained)
    before = {family: trained.registry.find_versions(family, {}) for family in FAMILIES}
    fill_store(trained.engine, 2, prefix="later")
    with open_plant(tmp_path) as plant:
        everything = backfill(plant, LOOP, allPartitions=True)
        wait_for(
            lambda: any(materialises(run, keys.MODELS["xgboost"]) for run in runs_of(plant, everything)),
            "the run that trains",
        )
        # Requested while the models train: it needs the same pool and must wait.
        trials = backfill(plant, [keys.EXPERIMENTS["xgboost"]], partitionNames=TRIED)
        reported = version_of_day(plant, DAYS[0])
        features = backfill(plant, [keys.FEATURES], partitionNames=DAYS)
        for one in (everything, trials, features):
            wait_for(lambda one=one: status(plant, one) != "REQUESTED", f"the end of backfill {one}")  # type: ignore[misc]
            assert status(plant, one) == "COMPLETED_SUCCESS"

        # One run for all partitions of equally partitioned assets, never one run per partition.
        training = [run for run in runs_of(plant, everything) if materialises(run, keys.MODELS["xgboost"])]
        assert [range_of(run) for run in training] == [(ALIASES[0], ALIASES[-1])]
        assert all(materialises(training[0], key) for key in keys.MODELS.values())
        assert [range_of(run) for run in runs_of(plant, trials)] == [(TRIED[0], TRIED[-1])]
        assert len(runs_of(plant, everything)) == 3

        # The training recorded the day that it changed; computed again, its examples are the same.
        assert [range_of(run) for run in runs_of(plant, features)] == [(DAYS[0], DAYS[-1])]
        assert plant.instance.get_materialized_partitions(keys.FEATURES) >= set(DAYS)
        assert version_of_day(plant, DAYS[0]) == reported is not None
        node = plant.ask(LINEAGE, {})["assetNodeOrError"]
        assert keys.FEATURES.path in [one["path"] for one in node["dependencyKeys"]]
        assert node["staleStatus"] == "FRESH"
        for key in keys.MODELS.values():
            assert plant.instance.get_materialized_partitions(key) == set(ALIASES)
        assert plant.instance.get_materialized_partitions(keys.EXPERIMENTS["xgboost"]) == set(TRIED)

        # The pool let one run work at a time, although another one was waiting.
        (trying,) = runs_of(plant, trials)
        assert trying.create_timestamp.timestamp() < ended(training[0])
        pooled = sorted([training[0], trying, runs_of(plant, everything)[-1]], key=started)
        assert all(started(later) >= ended(earlier) for earlier, later in pairwise(pooled))

    held = trained.registry.aliased_versions()
    assert set(held) == set(SLOTS)
    for family in FAMILIES:
        known = {one.version for one in before[family]}
        assert len(trained.registry.find_versions(family, {})) == len(known) + len(ALIASES)
        assert known.isdisjoint(trained.registry.aliases(family).values())
    assert {slot: one["version"] for slot, one in trained.api.served.items()} == {
        str(slot): one.version for slot, one in held.items()
    }


def version_of_day(plant: Plant, day: str) -> str | None:
    """Return the data version of the newest materialisation of a day of training/features."""
    record = plant.instance.get_latest_data_version_record(keys.FEATURES, partition_key=day)
    version = record and extract_data_version_from_entry(record.event_log_entry)
    return version.value if version else None


def started(record: dg.RunRecord) -> float:
    assert record.start_time is not None
    return record.start_time


def ended(record: dg.RunRecord) -> float:
    assert record.end_time is not None
    return record.end_time
