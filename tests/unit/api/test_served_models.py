"""The served set: loaded from the cache, replaced as a whole and unharmed by failed loads."""

import platform
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psutil
import pytest

from rps_api.inference.model import LoadedModel, PredictionFailed, feature_row
from rps_api.inference.served_models import Refresher, ServedModels, return_freed_memory
from rps_api.inference.snapshot import MAX_REPLACED_MODELS
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE
from rps_core.cache import CacheEntry
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import SLOTS, ModelIdentity, Slot
from tests.builders.models import TestRegistry, expecting, failing_from_round, of_two_classes

PRODUCTION, B = Slot("xgboost", "Production"), Slot("xgboost", "B")
START = datetime(2026, 11, 3, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Seen:
    """An observer that records its calls."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.failures: list[str] = []

    def loaded(self, model: LoadedModel, seconds: float) -> None:
        self.loads.append(model.identity.version)

    def load_failed(self, slot: Slot, reason: str) -> None:
        self.failures.append(str(slot))


@pytest.fixture
def registry(tmp_path: Path) -> TestRegistry:
    return TestRegistry.in_folder(tmp_path / "cache")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def served(registry: TestRegistry, clock: Clock, seen: Seen) -> ServedModels:
    return ServedModels(registry.cache, clock, backoff_seconds=30, observers=(seen,))


def version_at(served: ServedModels, slot: Slot) -> str | None:
    model = served.snapshot.slots.get(slot)
    return model.identity.version if model else None


def path_of(registry: TestRegistry, entry: CacheEntry, name: str) -> Path:
    return Path(str(registry.cache).removeprefix("file://")) / entry.run_id / "model" / name


def test_all_twelve_slots_are_loaded_in_one_refresh(registry: TestRegistry, served: ServedModels) -> None:
    registry.fill_all()
    report = served.refresh()
    assert (set(report.loaded), report.failed, report.complete) == (set(SLOTS), {}, True)
    assert tuple(served.snapshot.slots) == SLOTS


def test_an_empty_cache_is_reported(served: ServedModels) -> None:
    report = served.refresh()
    assert not report.complete
    assert "serving/model_cache" in (report.problem or "")
    assert served.snapshot.slots == {}


def test_an_unreadable_index_keeps_what_is_served(registry: TestRegistry, served: ServedModels) -> None:
    registry.fill_all()
    served.refresh()
    before = served.snapshot
    Path(str(registry.cache).removeprefix("file://"), "index.json").write_text("{not json")
    assert "index.json" in (served.refresh().problem or "")
    assert served.snapshot is before


def test_an_unchanged_index_loads_nothing(registry: TestRegistry, served: ServedModels, seen: Seen) -> None:
    registry.fill_all()
    served.refresh()
    assert served.refresh().loaded == ()
    assert len(seen.loads) == 12
    served.refresh(force=True)
    assert len(seen.loads) == 24


def test_a_model_in_two_slots_is_opened_once(registry: TestRegistry, served: ServedModels, seen: Seen) -> None:
    entry = registry.version(PRODUCTION, 5, expecting(0))
    registry.synchronise([entry, msgspec.structs.replace(entry, alias="B")])
    served.refresh()
    assert seen.loads == ["5"]
    assert served.snapshot.slots[PRODUCTION] is served.snapshot.slots[B]


def test_a_swap_of_aliases_reuses_the_loaded_models(registry: TestRegistry, served: ServedModels, seen: Seen) -> None:
    first, second = registry.version(PRODUCTION, 1, expecting(0)), registry.version(B, 2, expecting(1))
    registry.synchronise([first, second])
    served.refresh()
    registry.synchronise(
        [msgspec.structs.replace(first, alias="B"), msgspec.structs.replace(second, alias="Production")]
    )
    served.refresh()
    assert (version_at(served, PRODUCTION), version_at(served, B)) == ("2", "1")
    assert sorted(seen.loads) == ["1", "2"]


def test_a_replaced_model_is_kept_for_the_games_it_began(registry: TestRegistry, served: ServedModels) -> None:
    old = registry.version(PRODUCTION, 1, expecting(0))
    registry.synchronise([old])
    served.refresh()
    registry.synchronise([registry.version(PRODUCTION, 2, expecting(1))])
    served.refresh()
    kept = served.snapshot.find("xgboost", ModelIdentity(old.version, old.run_id))
    assert kept is not None
    assert kept.identity.version == "1"
    assert served.snapshot.find("feedforward_nn", ModelIdentity(old.version, old.run_id)) is None


def test_the_number_of_replaced_models_is_limited(registry: TestRegistry, served: ServedModels) -> None:
    for number in range(1, MAX_REPLACED_MODELS + 6):
        registry.synchronise([registry.version(PRODUCTION, number, expecting(0))])
        served.refresh()
    replaced = [model.identity.version for model in served.snapshot.replaced.values()]
    assert replaced == [str(number) for number in range(5, MAX_REPLACED_MODELS + 5)]


def test_a_slot_that_leaves_the_index_is_emptied(registry: TestRegistry, served: ServedModels) -> None:
    entries = registry.fill_all()
    served.refresh()
    registry.synchronise([entry for entry in entries if entry.slot != B])
    assert served.refresh().emptied == (B,)
    assert B not in served.snapshot.slots


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (b"no graph at all", "not an ONNX graph"),
        (of_two_classes(), "not a distribution over three moves"),
        (failing_from_round(1), "fails to predict"),
    ],
)
def test_an_unusable_graph_keeps_the_old_model_with_a_reason(
    registry: TestRegistry, served: ServedModels, seen: Seen, graph: bytes, reason: str
) -> None:
    entries = registry.fill_all()
    served.refresh()
    broken = registry.version(PRODUCTION, 99, graph)
    registry.synchronise([broken if entry.slot == PRODUCTION else entry for entry in entries])
    report = served.refresh()
    assert list(report.failed) == [PRODUCTION]
    assert reason in report.failed[PRODUCTION]
    assert reason in served.snapshot.failures[PRODUCTION].reason
    assert version_at(served, PRODUCTION) == entries[0].version
    assert seen.failures == [str(PRODUCTION)]


@pytest.mark.parametrize("name", [MODEL_FILE, MANIFEST_FILE])
def test_changed_bytes_are_refused(registry: TestRegistry, served: ServedModels, name: str) -> None:
    entry = registry.version(PRODUCTION, 1, expecting(0))
    registry.synchronise([entry])
    path_of(registry, entry, name).write_bytes(path_of(registry, entry, name).read_bytes() + b" ")
    report = served.refresh()
    assert "run `rps sync`" in report.failed[PRODUCTION]
    assert version_at(served, PRODUCTION) is None


def test_a_missing_object_is_named(registry: TestRegistry, served: ServedModels) -> None:
    entry = registry.version(PRODUCTION, 1, expecting(0))
    registry.synchronise([entry])
    path_of(registry, entry, MODEL_FILE).unlink()
    assert str(PRODUCTION) in served.refresh().failed[PRODUCTION]


def test_a_bundle_of_another_family_is_refused(registry: TestRegistry, served: ServedModels) -> None:
    entry = registry.version(PRODUCTION, 1, expecting(0))
    registry.synchronise([msgspec.structs.replace(entry, family="feedforward_nn")])
    assert "holds xgboost of run" in served.refresh().failed[Slot("feedforward_nn", "Production")]


def test_a_failed_slot_pauses_twice_as_long_each_time(
    registry: TestRegistry, served: ServedModels, clock: Clock, seen: Seen
) -> None:
    registry.synchronise([registry.version(PRODUCTION, 1, b"no graph")])
    served.refresh()
    clock.pass_seconds(29)
    served.refresh()
    assert len(seen.failures) == 1
    clock.pass_seconds(1)
    served.refresh()
    assert len(seen.failures) == 2
    clock.pass_seconds(59)
    served.refresh()
    assert len(seen.failures) == 2
    clock.pass_seconds(1)
    served.refresh()
    assert (len(seen.failures), served.snapshot.failures[PRODUCTION].attempts) == (3, 3)


def test_an_operator_does_not_wait_for_the_pause(registry: TestRegistry, served: ServedModels) -> None:
    entry = registry.version(PRODUCTION, 1, expecting(0))
    registry.synchronise([entry])
    graph = path_of(registry, entry, MODEL_FILE).read_bytes()
    path_of(registry, entry, MODEL_FILE).write_bytes(b"torn")
    served.refresh()
    path_of(registry, entry, MODEL_FILE).write_bytes(graph)
    assert served.refresh().loaded == ()
    assert served.refresh(force=True).loaded == (PRODUCTION,)
    assert served.snapshot.failures == {}


def test_an_unloaded_slot_stays_empty_until_a_load_is_requested(registry: TestRegistry, served: ServedModels) -> None:
    registry.fill_all()
    served.refresh()
    assert served.unload(frozenset({B})) == (B,)
    served.refresh()
    assert version_at(served, B) is None
    assert served.refresh(only=frozenset({B}), force=True).loaded == (B,)


def test_an_unloaded_model_does_not_finish_its_games(registry: TestRegistry, served: ServedModels) -> None:
    entry = registry.version(B, 3, expecting(0))
    registry.synchronise([entry])
    served.refresh()
    served.unload(frozenset({B}))
    assert served.snapshot.find("xgboost", ModelIdentity("3", entry.run_id)) is None


def test_the_fallback_source_is_used_only_if_the_cache_has_no_index(tmp_path: Path, clock: Clock) -> None:
    empty, other = TestRegistry.in_folder(tmp_path / "empty"), TestRegistry.in_folder(tmp_path / "other")
    other.fill_all(first=50)
    served = ServedModels(empty.cache, clock, fallback=other.cache)
    served.refresh()
    assert (version_at(served, PRODUCTION), served.last_source) == ("50", "registry")
    empty.fill_all(first=1)
    served.refresh()
    assert (version_at(served, PRODUCTION), served.last_source) == ("1", "cache")


def test_readers_never_see_half_of_a_new_set(registry: TestRegistry, served: ServedModels) -> None:
    first = registry.fill_all(first=100)
    served.refresh()
    second = [registry.version(entry.slot, 200 + number, expecting(1)) for number, entry in enumerate(first)]
    stop, mixed = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            generations = {int(model.identity.version) // 100 for model in served.snapshot.slots.values()}
            if len(generations) != 1:
                mixed.append(generations)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for entries in (second, first) * 3:
        registry.synchronise(entries)
        served.refresh()
    stop.set()
    watcher.join()
    assert mixed == []


def test_the_refresher_survives_an_error() -> None:
    turns = threading.Semaphore(0)

    def refresh() -> None:
        turns.release()
        raise RuntimeError("a fault of a client library")

    refresher = Refresher(refresh, 0.01)
    refresher.start(wait_seconds=10)
    assert turns.acquire(timeout=10)
    assert turns.acquire(timeout=10)
    refresher.stop()


def test_a_model_that_answers_nan_raises(registry: TestRegistry, served: ServedModels) -> None:
    registry.synchronise([registry.version(PRODUCTION, 1, failing_from_round(4))])
    served.refresh()
    model = served.snapshot.slots[PRODUCTION]
    row = dict.fromkeys(CURRENT_CONTRACT.columns, 0.0)
    assert sum(model.predict(feature_row(list(row.values())))) == pytest.approx(1)
    late = list((row | {"round_no": 9.0}).values())
    with pytest.raises(PredictionFailed, match="not a distribution"):
        model.predict(feature_row(late))
    with pytest.raises(PredictionFailed, match="failed"):
        model.predict(feature_row([0.0] * 7))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries return memory by themselves")
def test_memory_between_kept_objects_returns_to_the_system() -> None:
    blocks = [bytearray(1_000) for _ in range(60_000)]
    kept = blocks[::100]
    before = psutil.Process().memory_info().rss
    blocks.clear()
    return_freed_memory()
    assert before - psutil.Process().memory_info().rss > 30_000_000
    assert len(kept) == 600
