"""From stored rounds to registered models, through Dagster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from rps_assets.assets import keys
from rps_assets.datasets.dataset_folder import PARQUET_KEY, DatasetInfo
from rps_assets.datasets.feature_tables import example_columns
from rps_assets.serving import run_writer
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training import model_runs
from rps_assets.training.model_runs import HASHES_FILE
from rps_assets.training.onnx_export import ParityError, predict_onnx
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, decode_bundle
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import ALIASES, REGISTERED_NAMES, SLOTS, Family
from tests.integration.assets.world import World, failure_of, fill_store, kill, metadata_of

ONLY_FORREST = ["models/forrest"]
# One alias alone: a kill is as good a kill with one model as with four.
ONLY_PRODUCTION = {
    "dagster/asset_partition_range_start": "Production",
    "dagster/asset_partition_range_end": "Production",
}


def test_one_run_fills_all_twelve_slots_and_passes_every_check(trained: World, trained_template: Path) -> None:
    assert set(trained.registry.aliased_versions()) == set(SLOTS)
    assert set(trained.api.served) == {str(slot) for slot in SLOTS}
    verdicts = json.loads((trained_template / "verdicts.json").read_text())
    assert len(verdicts) == 21
    # Models trained for two epochs need not beat the majority; that check warns.
    assert {severity for passed, severity in verdicts.values() if not passed} <= {"WARN"}


@pytest.fixture
def tracked(trained: World) -> Iterator[World]:
    """Yield a trained world whose MLflow is that of this process; MLflow also writes its address to the environment."""
    import mlflow

    mlflow.set_tracking_uri(trained.registry.tracking_uri)
    yield trained
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # unsets the address, also in the environment


@pytest.mark.usefixtures("tracked")
def test_the_registered_model_loads_with_mlflow_and_answers_like_its_bundle() -> None:
    import mlflow
    import numpy as np

    model = mlflow.pyfunc.load_model("models:/rps_bot_xgboost@Production")
    answer = model.predict(np.zeros((2, len(CURRENT_CONTRACT.columns)), dtype=np.float32))["probabilities"]
    assert answer.shape == (2, 3)
    assert answer.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_the_manifest_names_dataset_configuration_and_hashes(trained: World) -> None:
    info = trained.datasets.latest()
    for slot, version in trained.registry.aliased_versions().items():
        files = trained.registry.download_model(version.run_id)
        manifest = decode_bundle(files[MANIFEST_FILE], files[MODEL_FILE]).manifest
        assert (manifest.family, manifest.trained_for) == slot
        assert manifest.dataset.fingerprint == info.fingerprint
        assert manifest.configuration_id == f"tiny_{slot.family}_{slot.alias}"
        assert manifest.run_id == version.run_id
        assert "MLmodel" in files


def test_the_four_aliases_of_a_family_are_four_different_models(trained: World) -> None:
    hashes = {slot: one.tags["model_sha256"] for slot, one in trained.registry.aliased_versions().items()}
    assert len(set(hashes.values())) == len(SLOTS)


def test_the_dataset_file_describes_itself(trained: World) -> None:
    info = trained.datasets.latest()
    path = trained.settings.storage.data_path / "datasets" / f"{info.fingerprint}.parquet"
    assert msgspec.json.decode(pl.read_parquet_metadata(path)[PARQUET_KEY], type=DatasetInfo) == info
    frame = trained.datasets.read(info.fingerprint, CURRENT_CONTRACT)
    of_game = ["game_id", "created_at", "player_kind", "player", "weight"]
    assert frame.columns == [*of_game, *example_columns(CURRENT_CONTRACT)]
    assert frame["round_no"].min() == 4
    assert (info.games, info.human_games, info.examples) == (43, 3, len(frame))


def test_training_again_on_the_same_examples_reuses_every_version(trained: World) -> None:
    before = trained.registry.aliased_versions()
    result = trained.run("train_models")
    assert result.success
    assert trained.registry.aliased_versions() == before
    assert metadata_of(result, keys.MODELS["xgboost"], "B")["fitted"] is False


@pytest.mark.parametrize(("family", "asset"), [("xgboost", "forrest"), ("feedforward_nn", "brian")])
def test_equal_examples_configuration_and_seed_give_the_same_predictions(
    trained: World, family: Family, asset: str
) -> None:
    def predictions() -> tuple[str, Any]:
        version = trained.registry.version(family, trained.registry.aliases(family)["Production"])
        graph = trained.registry.download_model(version.run_id)[MODEL_FILE]
        frame = trained.datasets.read_latest(CURRENT_CONTRACT)[1]
        return version.version, predict_onnx(graph, frame.select(CURRENT_CONTRACT.columns).to_numpy())

    version, before = predictions()
    config = {"ops": {f"models__{asset}": {"config": {"force": True}}}}
    assert trained.run("train_models", only=[f"models/{asset}"], tags=ONLY_PRODUCTION, config=config).success
    newer, after = predictions()
    assert newer != version
    assert abs(after - before).max() <= 1e-6


def test_a_version_names_what_trained_it_and_its_run_shows_the_dataset(trained: World) -> None:
    info, held = trained.datasets.latest(), trained.registry.aliases("xgboost")
    version = trained.registry.version("xgboost", held["B"])
    assert version.tags["dataset"] == info.fingerprint[:12]
    assert version.tags["contract"] == f"{CURRENT_CONTRACT.name} {CURRENT_CONTRACT.version}"
    assert version.tags["code_revision"]
    assert len(version.tags["dagster_run_id"]) == 36
    client = trained.registry._client
    run = client.get_run(version.run_id)
    assert run.info.run_name == "forrest@B tiny_xgboost_B"
    hashes = json.loads(Path(client.download_artifacts(version.run_id, HASHES_FILE)).read_text())
    assert hashes["dataset_fingerprint"] == info.fingerprint
    (logged,) = run.inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest) == ("training/dataset", info.fingerprint[:36])
    assert msgspec.json.decode(logged.dataset.profile, type=DatasetInfo) == info
    assert logged.dataset.source.endswith(f"/datasets/{info.fingerprint}.parquet")
    assert "input_example.json" in trained.registry.download_model(version.run_id)
    assert {"majority_accuracy", "logistic_accuracy", "logistic_log_loss"} <= run.data.metrics.keys()
    assert (run.data.params["lookback"], run.data.params["n_features"]) == ("all", str(len(CURRENT_CONTRACT.columns)))


def test_run_version_model_and_experiment_describe_themselves_in_mlflow(trained: World) -> None:
    client, held = trained.registry._client, trained.registry.aliases("xgboost")["B"]
    version = client.get_model_version(REGISTERED_NAMES["xgboost"], held)
    run = client.get_run(version.run_id)
    said = version.description
    assert said == run.data.tags["mlflow.note.content"]
    assert "**Forrest**" in said
    assert "43 games, 3 of them played by people" in said
    assert "games of simulated people, each of which weighs " in said
    assert f"/runs/{run.data.tags['dagster_run_id']})" in said
    assert "/assets/training/dataset)" in said
    assert "| Accuracy on the newest games |" in said
    assert (run.data.tags["mlflow.user"], run.data.tags["mlflow.source.name"]) == ("Dagster", "models/forrest")
    assert "@Production" in client.get_registered_model(REGISTERED_NAMES["xgboost"]).description
    experiment = client.get_experiment(trained.registry.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "Trainings of the twelve slots" in experiment.tags["mlflow.note.content"]
    (model,) = run.outputs.model_outputs
    assert client.get_logged_model(model.model_id).status == "READY"


def test_new_games_give_a_new_version_with_the_configuration_of_the_slots_version(trained: World) -> None:
    before = trained.registry.aliases("xgboost")
    trained.registry.move_aliases("xgboost", {"Production": before["B"], "B": before["Production"]})
    fill_store(trained.engine, 2, prefix="later")
    result = trained.run("train_models", only=["training/games", "training/dataset", *ONLY_FORREST])
    assert result.success
    after = trained.registry.aliases("xgboost")
    assert not set(after.values()) & set(before.values())
    production = trained.registry.version("xgboost", after["Production"])
    assert production.tags["hyperparameter_config_id"] == "tiny_xgboost_B"
    assert metadata_of(result, keys.MODELS["xgboost"], "Production")["configuration"] == "tiny_xgboost_B"


def test_one_partition_can_be_trained_alone(trained: World) -> None:
    fill_store(trained.engine, 2, prefix="later")
    assert trained.run("train_models", only=["training/games", "training/dataset"]).success
    before = trained.registry.aliases("xgboost")
    tags = {"dagster/asset_partition_range_start": "shadow1", "dagster/asset_partition_range_end": "shadow1"}
    assert trained.run("train_models", only=ONLY_FORREST, tags=tags).success
    after = trained.registry.aliases("xgboost")
    assert {alias for alias in ALIASES if before[alias] != after[alias]} == {"shadow1"}


def test_too_few_examples_fail_with_a_sentence_and_train_nothing(world: World) -> None:
    fill_store(world.engine, 3)
    result = world.run("train_models")
    assert not result.success
    assert "MIN_SUP_ROWS asks for 200" in failure_of(result)
    assert world.registry.aliased_versions() == {}
    assert world.datasets.latest() is None


def test_an_empty_store_fails_with_the_same_sentence(world: World) -> None:
    result = world.run("train_models")
    assert "0 examples in 0 games" in failure_of(result)


def test_models_without_a_dataset_say_what_to_do_first(world: World) -> None:
    assert "materialise training/dataset first" in failure_of(world.run("train_models", only=ONLY_FORREST))


def test_tampered_examples_are_refused(trained: World) -> None:
    folder = trained.settings.storage.data_path / "datasets" / "features"
    for path in (path for path in folder.glob("*/*.parquet") if not path.name.endswith(".games.parquet")):
        frame = pl.read_parquet(path)
        frame.with_columns(label=(pl.col("label") + 1) % 3).write_parquet(path)
    assert "do not match their hashes" in failure_of(trained.run("train_models", only=ONLY_FORREST))


def test_an_alias_that_fails_does_not_stop_the_others(trained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_store(trained.engine, 2, prefix="later")
    before = trained.registry.aliases("xgboost")
    train = model_runs.train_model

    def break_b(dataset: object, configuration: object, **options: object) -> object:
        if configuration.id.endswith("_B"):  # type: ignore[attr-defined]
            raise ParityError("the graph differs from its model")
        return train(dataset, configuration, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(model_runs, "train_model", break_b)
    result = trained.run("train_models", only=["training/games", "training/dataset", *ONLY_FORREST])
    after = trained.registry.aliases("xgboost")
    assert "xgboost@B: the graph differs from its model" in failure_of(result)
    assert {alias for alias in ALIASES if before[alias] == after[alias]} == {"B"}
    assert metadata_of(result, keys.MODELS["xgboost"], "Production")["version"] == after["Production"]


@pytest.mark.parametrize("boundary", ["_log_figures", "_log_files", "_require_registered_model", "set_alias"])
def test_a_training_killed_at_any_boundary_leaves_the_alias_and_the_next_run_completes_it(
    trained: World, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    fill_store(trained.engine, 2, prefix="later")
    assert trained.run("train_models", only=["training/games", "training/dataset"]).success
    before = trained.registry.aliases("xgboost")
    with monkeypatch.context() as patch:
        patch.setattr(run_writer if hasattr(run_writer, boundary) else ModelRegistry, boundary, kill)
        assert not trained.run("train_models", only=ONLY_FORREST, tags=ONLY_PRODUCTION).success
    assert trained.registry.aliases("xgboost") == before
    result = trained.run("train_models", only=ONLY_FORREST, tags=ONLY_PRODUCTION)
    assert result.success
    assert trained.registry.aliases("xgboost")["Production"] not in before.values()
    assert metadata_of(result, keys.MODELS["xgboost"], "Production")["fitted"] is (boundary != "set_alias")
    unfinished = trained.registry._client.search_runs([trained.registry.experiment_id], "attributes.status = 'RUNNING'")
    assert unfinished == []


def test_an_exception_while_logging_marks_the_mlflow_run_failed(
    trained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(run_writer, "_log_files", refuse)
    config = {"ops": {"models__forrest": {"config": {"force": True}}}}
    assert not trained.run("train_models", only=ONLY_FORREST, tags=ONLY_PRODUCTION, config=config).success
    failed = trained.registry._client.search_runs([trained.registry.experiment_id], "attributes.status = 'FAILED'")
    assert len(failed) == 1
