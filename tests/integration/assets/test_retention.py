"""What maintenance/retention deletes and what it keeps, in a real Dagster instance and a real MLflow."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from mlflow.entities import LoggedModelOutput

from rps_assets.assets import keys
from rps_assets.assets.run_retention import delete_old_reports, delete_old_runs
from rps_assets.maintenance.versions import delete_old_versions
from rps_core.game.families import REGISTERED_NAMES, Family, ModelIdentity
from rps_core.promotion.ledger_entry import AliasAssignment, LedgerEntry
from rps_core.settings import RetentionSettings, load_settings
from rps_core.store import PromotionLedger
from rps_core.store.reports import DISK_USE_REPORT, Reports
from tests.integration.assets.world import World, failure_of, metadata_of, record_results

SOON = datetime.now(UTC) + timedelta(days=2)
FAMILY: Family = "xgboost"


@pytest.fixture
def installed(trained: World, tmp_path: Path) -> Iterator[World]:
    """A trained installation whose Dagster instance is in files, as in `rps up`."""
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        trained.__dict__["instance"] = instance
        yield trained


def files_of(world: World, run_id: str) -> list[Path]:
    return [path for path in Path(world.instance.root_directory).rglob("*") if run_id in str(path) and path.is_file()]


def test_old_runs_go_with_their_files_but_never_the_newest_of_an_asset_or_check(installed: World) -> None:
    instance = installed.instance
    only = ["promotion/performance"]
    old, newest = (installed.run("promote_and_serve", only=only).run_id for _ in range(2))
    checked = installed.run("write_reports", only=["reports/parity"]).run_id
    running = instance.create_run_for_job(
        installed.defs.resolve_job_def("clean_up"), status=dg.DagsterRunStatus.STARTED
    ).run_id
    assert files_of(installed, old)
    assert delete_old_runs(instance, datetime.now(UTC) - timedelta(days=1), print) == []
    assert delete_old_runs(instance, SOON, print) == [old]
    assert files_of(installed, old) == []
    assert {run.run_id for run in instance.get_runs()} == {newest, checked, running}
    assert instance.get_latest_materialization_event(keys.PERFORMANCE).run_id == newest  # type: ignore[union-attr]
    assert len(instance.fetch_materializations(keys.PERFORMANCE, limit=9).records) == 1
    assert delete_old_runs(instance, SOON, print) == []


def test_a_deletion_that_was_killed_is_finished_by_the_next_one(
    installed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = installed.instance
    old = [installed.run("promote_and_serve", only=["promotion/performance"]).run_id for _ in range(3)][:2]

    def die(_run_id: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(instance.run_storage, "delete_run", die)
        with pytest.raises(KeyboardInterrupt):
            delete_old_runs(instance, SOON, print)
    assert sorted(delete_old_runs(instance, SOON, print)) == sorted(old)


def test_old_reports_of_rounds_go_but_the_newest_stays(installed: World) -> None:
    for number in range(4):
        report = dg.AssetMaterialization(keys.ROUNDS, metadata={"number": number})
        installed.instance.report_runless_asset_event(report)
    assert delete_old_reports(installed.instance, datetime.now(UTC) - timedelta(days=1)) == 0
    assert delete_old_reports(installed.instance, SOON) == 3
    found = installed.instance.fetch_materializations(keys.ROUNDS, limit=10).records
    assert [record.asset_materialization.metadata["number"].value for record in found] == [3]  # type: ignore[union-attr]


def add_version(world: World, *, versioned: bool = True) -> tuple[str, str]:
    """Log a run with a file and register it; return its id and version."""
    client = world.registry._client
    run_id = client.create_run(world.registry.experiment_id).info.run_id
    model = client.create_logged_model(world.registry.experiment_id, source_run_id=run_id)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
    client.log_text(run_id, "a model", "model/MLmodel")
    client.set_terminated(run_id)
    if not versioned:
        return run_id, ""
    name = REGISTERED_NAMES[FAMILY]
    return run_id, str(client.create_model_version(name, f"runs:/{run_id}/model", run_id).version)


def artifacts_of(world: World, run_id: str) -> Path:
    return Path(world.registry._client.get_run(run_id).info.artifact_uri.removeprefix("file://"))


def logged_models(world: World, run_id: str) -> list[Any]:
    found = world.registry._client.search_logged_models([world.registry.experiment_id])
    return [model for model in found if model.source_run_id == run_id]


def test_versions_go_that_no_alias_no_game_and_no_ledger_entry_names(trained: World) -> None:
    for slot in trained.registry.aliased_versions().values():
        # The files of the first training belong to all tests of this module.
        record_results(trained.engine, slot.family, ModelIdentity(slot.version, slot.run_id), wins=1, losses=0)
    unnamed, half, judged, played, listed, changed, held = (add_version(trained, versioned=n != 1) for n in range(7))
    record_results(trained.engine, FAMILY, ModelIdentity(played[1], played[0]), wins=1, losses=0)
    for (_, version), moved, cycle in ((listed, False, None), (changed, True, 98), (judged, False, 99)):
        slot = AliasAssignment(alias="B", version=version, previous_version=version, changed=moved)
        PromotionLedger(trained.engine).append(
            LedgerEntry(
                model_type=FAMILY,
                decision="retain_production",
                created_at=datetime.now(UTC),
                alias_assignments=(slot,),
                source="test",
                cycle=cycle,
            )
        )
    trained.registry.move_aliases(FAMILY, {"shadow2": held[1]})
    trial = trained.registry._client.create_run(trained.registry.trials_id).info.run_id

    def delete(**settings: int) -> list[str]:
        retention = load_settings(**settings).retention
        return [run.run_id for run in delete_old_versions(trained.registry, trained.engine, retention, SOON, print)]

    assert delete(keep_versions_days=0) == delete(keep_versions_days=3) == []
    # An entry with a number holds its evidence itself, and needs only the versions that it moved.
    assert delete(keep_versions_days=1) == [unnamed[0], half[0], judged[0]]
    assert delete(keep_versions_days=1) == []
    assert not list(artifacts_of(trained, unnamed[0]).rglob("*"))
    assert list(artifacts_of(trained, played[0]).rglob("MLmodel"))
    assert (len(logged_models(trained, unnamed[0])), len(logged_models(trained, played[0]))) == (0, 1)
    numbers = {version.version for version in trained.registry.find_versions(FAMILY, {})}
    assert unnamed[1] not in numbers
    assert {played[1], listed[1], changed[1], held[1]} <= numbers
    assert delete(keep_versions_days=1, keep_listed_versions_days=1) == [listed[0]]
    assert trained.registry._client.get_run(trial).info.lifecycle_stage == "active"


def test_the_job_says_what_it_deleted_and_stores_the_sizes(installed: World) -> None:
    result = installed.run("clean_up")
    assert result.success, failure_of(result)
    shown = metadata_of(result, keys.RETENTION)
    assert (shown["deleted_runs"], shown["deleted_versions"], shown["deleted_datasets"]) == (0, 0, 0)
    report = Reports(installed.engine).read(DISK_USE_REPORT)
    assert report is not None
    assert report.payload["bytes"]["gameplay database"] > 0
    assert {"datasets", "model cache"} <= report.payload["bytes"].keys()
    assert RetentionSettings().keep_runs_days > 0
