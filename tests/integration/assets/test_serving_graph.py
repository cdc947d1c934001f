"""From the registry's aliases to what the API plays with, through Dagster."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rps_assets.assets import keys
from rps_assets.serving import publication
from rps_core.api_client import ApiClient
from rps_core.cache import CacheIndex
from rps_core.game.families import SLOTS
from rps_core.object_folder import ObjectFolder
from tests.integration.assets.world import World, failure_of, kill, metadata_of

CACHE = ["serving/model_cache"]
SERVING = ["serving/model_cache", "serving/served_models"]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "VERIFY_PAUSE_SECONDS", 0.0)


def index_of(world: World) -> CacheIndex:
    index = world.cache.read_index()
    assert index is not None
    return index


def empty_the_cache(world: World) -> None:
    root = world.settings.storage.data_path / "model_cache"
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def swap_production_and_b(world: World) -> None:
    held = world.registry.aliases("xgboost")
    world.registry.move_aliases("xgboost", {"Production": held["B"], "B": held["Production"]})


def test_the_cache_holds_exactly_the_aliased_runs_and_their_markers(trained: World) -> None:
    versions = trained.registry.aliased_versions()
    assert trained.cache.run_ids() == {version.run_id for version in versions.values()}
    assert trained.cache.markers() == {
        f"{version.run_id}/.alias_{slot.alias}": f"{version.registered_name}@{slot.alias} v{version.version}"
        for slot, version in versions.items()
    }
    assert {entry.slot for entry in index_of(trained).entries} == set(SLOTS)


def test_nothing_is_written_if_nothing_changed(trained: World) -> None:
    shown = metadata_of(trained.run("promote_and_serve", only=CACHE), keys.MODEL_CACHE)
    touched = ("uploaded_runs", "deleted_runs", "markers_written", "markers_deleted", "index_changed")
    assert [shown[name] for name in touched] == [0, 0, 0, 0, False]


def test_a_swap_reaches_cache_and_api_without_an_upload(trained: World) -> None:
    before = {entry.slot: entry.version for entry in index_of(trained).entries}
    swap_production_and_b(trained)
    result = trained.run("promote_and_serve", only=SERVING)
    assert result.success
    shown = metadata_of(result, keys.MODEL_CACHE)
    assert (shown["uploaded_runs"], shown["markers_written"], shown["markers_deleted"]) == (0, 2, 2)
    assert trained.api.served["xgboost@Production"]["version"] == before["xgboost", "B"]  # type: ignore[index]
    assert trained.api.served["xgboost@B"]["version"] == before["xgboost", "Production"]  # type: ignore[index]


def test_a_run_that_lost_its_alias_leaves_the_cache(trained: World) -> None:
    held = trained.registry.aliases("xgboost")
    lost = trained.registry.version("xgboost", held["shadow2"]).run_id
    trained.registry.set_alias("xgboost", "shadow2", held["shadow1"])
    shown = metadata_of(trained.run("promote_and_serve", only=CACHE), keys.MODEL_CACHE)
    assert (shown["uploaded_runs"], shown["deleted_runs"]) == (0, 1)
    assert lost not in trained.cache.run_ids()


def test_the_index_is_written_last_and_nothing_is_deleted_before(
    trained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    write, delete = ObjectFolder.write, ObjectFolder.delete_folder

    def noted_write(self: ObjectFolder, relative: str, data: bytes) -> None:
        steps.append(relative.rpartition("/")[2])
        write(self, relative, data)

    def noted_delete(self: ObjectFolder, folder: str) -> None:
        steps.append("deleted")
        delete(self, folder)

    stranger = trained.settings.storage.data_path / "model_cache" / ("f" * 32) / "model"
    empty_the_cache(trained)
    stranger.mkdir(parents=True)
    (stranger / "model.onnx").write_bytes(b"of another time")
    monkeypatch.setattr(ObjectFolder, "write", noted_write)
    monkeypatch.setattr(ObjectFolder, "delete_folder", noted_delete)
    assert trained.run("promote_and_serve", only=CACHE).success
    assert steps[-2:] == ["index.json", "deleted"]
    assert steps.count("index.json") == 1


def kill_at(pattern: str, number: int) -> tuple[Callable[[ObjectFolder, str, bytes], None], list[str]]:
    """Return a write that is killed at the n-th object whose path matches, and the list of the objects it met."""
    met: list[str] = []
    write = ObjectFolder.write

    def killed_write(folder: ObjectFolder, relative: str, data: bytes) -> None:
        if re.search(pattern, relative):
            met.append(relative)
            if len(met) == number:
                kill()
        write(folder, relative, data)

    return killed_write, met


@pytest.mark.parametrize(
    ("pattern", "number"),
    [("model.onnx", 1), ("manifest", 5), ("MLmodel", 12), (r"\.alias_", 7), ("index.json", 1)],
    ids=["first graph", "fifth manifest", "last run", "a marker", "the index"],
)
def test_a_sync_killed_at_any_object_shows_readers_no_half_set_and_the_next_run_completes_it(
    trained: World, monkeypatch: pytest.MonkeyPatch, pattern: str, number: int
) -> None:
    empty_the_cache(trained)
    killed_write, met = kill_at(pattern, number)
    with monkeypatch.context() as patch:
        patch.setattr(ObjectFolder, "write", killed_write)
        assert not trained.run("promote_and_serve", only=CACHE).success
    assert len(met) == number
    assert trained.cache.read_index() is None
    result = trained.run("promote_and_serve", only=CACHE)
    assert result.success
    assert [one.passed for one in result.get_asset_check_evaluations()] == [True]
    assert len(index_of(trained).entries) == 12


def test_an_alias_that_is_missing_leaves_its_slot_empty_and_is_named(trained: World) -> None:
    trained.registry._client.delete_registered_model_alias("rps_bot_mnlogit", "B")
    result = trained.run("promote_and_serve", only=SERVING)
    assert result.success
    shown = metadata_of(result, keys.MODEL_CACHE)
    assert shown["dagster/row_count"] == 11
    assert shown["empty_slots"] == "- multinomial_logistic@B: the registry has no version at this alias"
    assert "multinomial_logistic@B" not in trained.api.served


def test_a_version_whose_artifacts_are_other_bytes_never_reaches_the_index(trained: World) -> None:
    before = index_of(trained)
    version = trained.registry.aliased_versions()[SLOTS[0]]
    trained.registry._client.set_model_version_tag(version.registered_name, version.version, "model_sha256", "0" * 64)
    assert "is not the one that" in failure_of(trained.run("promote_and_serve", only=CACHE))
    assert index_of(trained) == before


def test_a_cache_that_cannot_be_written_says_where(trained: World) -> None:
    root = trained.settings.storage.data_path / "model_cache"
    empty_the_cache(trained)
    root.rmdir()
    root.write_text("a file where a folder should be")
    failure = failure_of(trained.run("promote_and_serve", only=CACHE))
    assert "the model cache could not be synchronised" in failure
    assert str(root) in failure


def test_an_api_that_keeps_the_old_models_fails_with_expected_and_found(trained: World) -> None:
    old = {slot: dict(model) for slot, model in trained.api.served.items()}
    swap_production_and_b(trained)
    trained.api.deaf = True
    result = trained.run("promote_and_serve", only=SERVING)
    failure = failure_of(result)
    assert "the API serves other versions in 2 slots" in failure
    wanted = trained.registry.aliases("xgboost")["Production"]
    held = old["xgboost@Production"]["version"]
    assert f"xgboost@Production: the registry has version {wanted} " in failure
    assert f"the API has version {held} " in failure
    assert metadata_of(result, keys.MODEL_CACHE)["dagster/row_count"] == 12


def test_the_run_waits_for_a_late_api(trained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    swap_production_and_b(trained)
    trained.api.deaf = True
    asked, answer = [], ApiClient.served_models

    def awake_after_three(self: ApiClient) -> Any:
        asked.append(1)
        if len(asked) == 3:
            trained.api.deaf = False
            trained.api.reload()
        return answer(self)

    monkeypatch.setattr(ApiClient, "served_models", awake_after_three)
    assert trained.run("promote_and_serve", only=SERVING).success


def stop_api(world: World) -> None:
    world.configure(api_base_override="http://127.0.0.1:9")


def lock_api(world: World) -> None:
    world.api.token = "another"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [(stop_api, "POST http://127.0.0.1:9/models/reload got no answer"), (lock_api, "answered 401: .*bearer token")],
    ids=["down", "locked"],
)
def test_an_api_that_refuses_is_named_with_what_it_said(
    trained: World, break_it: Callable[[World], None], said: str
) -> None:
    break_it(trained)
    failure = failure_of(trained.run("promote_and_serve", only=["serving/served_models"]))
    assert re.search(f"the API could not load the models: .*{said}", failure)


def test_the_operators_token_is_sent(trained: World) -> None:
    from pydantic import SecretStr

    trained.api.token = "secret"
    trained.configure(api_token=SecretStr("secret"))
    assert trained.run("promote_and_serve", only=["serving/served_models"]).success


def test_an_empty_registry_serves_nothing_and_says_so(world: World, tmp_path: Path) -> None:
    result = world.run("promote_and_serve", only=SERVING)
    assert result.success
    assert metadata_of(result, keys.MODEL_CACHE)["dagster/row_count"] == 0
    assert world.api.served == {}
