"""The configurations through Dagster: tried and compared, while no alias moves."""

from typing import Any

import dagster as dg
import pytest

from rps_assets.assets import keys
from rps_assets.serving.descriptions import TRIALS_EXPERIMENT
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training import trials
from rps_assets.training.onnx_export import ParityError
from rps_assets.training.parameters import Configuration, configurations
from rps_core.bundle import MANIFEST_FILE
from rps_core.game.families import FAMILIES
from tests.integration.assets.world import World, failure_of, kill, metadata_of

pytestmark = pytest.mark.usefixtures("tiny_trials")

FIRST, LAST = "xgb_c11", "xgb_c12"


def between(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def try_trees(world: World, first: str = FIRST, last: str = LAST, **config: Any) -> dg.ExecuteInProcessResult:
    ops = {"ops": {"experiments__xgboost": {"config": config}}} if config else None
    return world.run("run_experiments_xgboost", tags=between(first, last), config=ops)


def test_the_configurations_are_partitions_of_each_family(world: World) -> None:
    graph = world.defs.resolve_asset_graph()
    found = [graph.get(key).partitions_def.get_partition_keys() for key in keys.EXPERIMENTS.values()]  # type: ignore[union-attr]
    assert [len(names) for names in found] == [17, 17, 17]
    assert {name for names in found for name in names} == set(configurations())
    assert {pool for key in keys.EXPERIMENTS.values() for pool in graph.get(key).pools} == {keys.TRAINING_POOL}


def test_a_range_of_configurations_is_tried_in_one_run_and_touches_no_alias(trained: World) -> None:
    before = trained.registry.aliased_versions()
    versions = trained.registry.find_versions("xgboost", {})
    result = try_trees(trained)
    assert result.success, failure_of(result)
    events = [event for event in result.get_asset_materialization_events() if event.partition is not None]
    # One materialisation per partition: the UI and the command line would show a second, empty one.
    assert sorted(str(event.partition) for event in events) == [FIRST, LAST]
    assert metadata_of(result, keys.EXPERIMENTS["xgboost"], FIRST)["fitted"] is True
    assert trained.registry.aliased_versions() == before
    assert trained.registry.find_versions("xgboost", {}) == versions
    client = trained.registry._client
    experiment = client.get_experiment_by_name(TRIALS_EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    tags = {run.data.tags["hyperparameter_config_id"]: run.data.tags for run in runs}
    assert tags.keys() == {FIRST, LAST}
    assert (tags[LAST]["config_family"], tags[LAST]["search_index"]) == ("xgb_oct2025_clean", "12")
    assert tags[LAST]["dataset"] == trained.datasets.latest().fingerprint[:12]
    # Without a manifest nothing can serve it by mistake.
    assert MANIFEST_FILE not in trained.registry.download_model(runs[0].info.run_id)


def test_a_second_try_on_the_same_examples_fits_nothing_unless_forced(trained: World) -> None:
    assert try_trees(trained, FIRST, FIRST).success
    again = try_trees(trained, FIRST, FIRST)
    assert metadata_of(again, keys.EXPERIMENTS["xgboost"], FIRST)["fitted"] is False
    forced = try_trees(trained, FIRST, FIRST, force=True)
    assert metadata_of(forced, keys.EXPERIMENTS["xgboost"], FIRST)["fitted"] is True


def test_a_killed_run_keeps_its_finished_trials(trained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    log, calls = ModelRegistry.log_trial, list[str]()

    def second_is_killed(self: ModelRegistry, submission: Any) -> str:
        calls.append(submission.run_name)
        return log(self, submission) if len(calls) == 1 else kill()  # type: ignore[func-returns-value]

    with monkeypatch.context() as patch:
        patch.setattr(ModelRegistry, "log_trial", second_is_killed)
        result = try_trees(trained)
    assert not result.success
    again = try_trees(trained)
    assert metadata_of(again, keys.EXPERIMENTS["xgboost"], FIRST)["fitted"] is False
    assert metadata_of(again, keys.EXPERIMENTS["xgboost"], LAST)["fitted"] is True


def test_a_configuration_that_fails_does_not_stop_the_others(trained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    train = trials.train

    def break_last(job: Any, configuration: Configuration, log: Any) -> Any:
        if configuration.id == LAST:
            raise ParityError("the graph differs from its model")
        return train(job, configuration, log)

    monkeypatch.setattr(trials, "train", break_last)
    result = try_trees(trained)
    assert f"{LAST}: the graph differs from its model" in failure_of(result)
    assert metadata_of(result, keys.EXPERIMENTS["xgboost"], FIRST)["fitted"] is True


def test_without_a_dataset_the_error_says_what_to_do(world: World) -> None:
    assert "materialise training/dataset first" in failure_of(try_trees(world))
    assert "materialise training/dataset first" in failure_of(world.run("compare_experiments", tags={}))


def test_the_comparison_ranks_tried_configurations_and_names_the_others(trained: World) -> None:
    assert try_trees(trained).success
    shown = metadata_of(trained.run("compare_experiments", tags={}), keys.COMPARISON)
    assert shown["dagster/row_count"] == 2
    assert shown["best_xgboost"] in {FIRST, LAST}
    assert "xgb_c01" in shown["missing"].split(", ")
    assert FIRST not in shown["missing"].split(", ")
    assert shown["comparison"].count("| xgboost |") == 2
    assert "data:image/png;base64," in shown["plot_xgboost"]
    assert not [family for family in FAMILIES if family != "xgboost" and f"plot_{family}" in shown]


def test_an_empty_comparison_succeeds(trained: World) -> None:
    shown = metadata_of(trained.run("compare_experiments", tags={}), keys.COMPARISON)
    assert (shown["dagster/row_count"], len(shown["missing"].split(", "))) == (0, 51)
