"""The model cache in a local folder: it holds exactly the aliased runs, and another sync repairs it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rps_core.bundle import MODEL_FILE
from rps_core.cache import CacheEntry, ModelCache
from rps_core.errors import BundleCorrupt, CacheError
from tests.builders.bundles import Registry

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache.open(f"file://{tmp_path}/cache")


def assert_mirrors(cache: ModelCache, entries: list[CacheEntry]) -> None:
    index = cache.read_index()
    assert index is not None
    assert index.entries == tuple(sorted(entries))
    assert cache.run_ids() == {entry.run_id for entry in entries}
    assert cache.markers() == {f"{entry.run_id}/.alias_{entry.alias}": entry.marker for entry in entries}
    for entry in entries:
        assert cache.read_bundle(entry).manifest.run_id == entry.run_id


def test_an_empty_folder_has_no_index(cache: ModelCache) -> None:
    assert cache.read_index() is None
    assert cache.run_ids() == frozenset()
    assert cache.markers() == {}


def test_twelve_slots_become_twelve_runs_with_one_marker_each(cache: ModelCache, registry: Registry) -> None:
    entries = registry.all_slots()
    report = cache.synchronise(entries, registry.fetch, NOW)
    assert len(report.uploaded) == 12
    assert report.index_changed
    assert_mirrors(cache, entries)


def test_a_second_sync_changes_nothing_and_fetches_nothing(cache: ModelCache, registry: Registry) -> None:
    entries = registry.all_slots()
    cache.synchronise(entries, registry.fetch, NOW)
    registry.fetched.clear()
    report = cache.synchronise(entries, registry.fetch, NOW)
    assert (report.uploaded, report.deleted, report.markers_written, report.index_changed) == ((), (), (), False)
    assert registry.fetched == []


def test_a_swap_moves_markers_without_uploading_anything(cache: ModelCache, registry: Registry) -> None:
    production, b = registry.entry(1), registry.entry(2, alias="B")
    cache.synchronise([production, b], registry.fetch, NOW)
    swapped = [registry.entry(2), registry.entry(1, alias="B")]
    report = cache.synchronise(swapped, registry.fetch, NOW)
    assert report.uploaded == ()
    assert len(report.markers_deleted) == 2
    assert_mirrors(cache, swapped)


def test_two_aliases_of_one_run_both_get_a_marker(cache: ModelCache, registry: Registry) -> None:
    entries = [registry.entry(1), registry.entry(1, alias="B")]
    cache.synchronise(entries, registry.fetch, NOW)
    assert_mirrors(cache, entries)


def test_a_retrained_slot_drops_the_run_that_no_alias_names(cache: ModelCache, registry: Registry) -> None:
    cache.synchronise([registry.entry(1)], registry.fetch, NOW)
    report = cache.synchronise([registry.entry(2)], registry.fetch, NOW)
    assert report.deleted == (f"{1:032x}",)
    assert_mirrors(cache, [registry.entry(2)])


def test_other_files_in_the_cache_are_kept(cache: ModelCache, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "cache" / "notes").mkdir(parents=True)
    (tmp_path / "cache" / "notes" / "readme.txt").write_text("mine")
    cache.synchronise([registry.entry(1)], registry.fetch, NOW)
    assert (tmp_path / "cache" / "notes" / "readme.txt").read_text() == "mine"


def test_a_damaged_model_is_fetched_again(cache: ModelCache, registry: Registry, tmp_path: Path) -> None:
    entry = registry.entry(1)
    cache.synchronise([entry], registry.fetch, NOW)
    (tmp_path / "cache" / entry.run_id / "model" / MODEL_FILE).write_bytes(b"torn")
    with pytest.raises(BundleCorrupt):
        cache.read_bundle(entry)
    assert cache.synchronise([entry], registry.fetch, NOW).uploaded == (entry.run_id,)
    assert_mirrors(cache, [entry])


def test_a_run_with_other_bytes_than_its_entry_is_refused_and_the_index_stays(
    cache: ModelCache, registry: Registry
) -> None:
    old = registry.entry(1)
    cache.synchronise([old], registry.fetch, NOW)
    new = registry.entry(2)
    registry.runs[new.run_id][MODEL_FILE] = b"something else"
    with pytest.raises(CacheError, match="is not the one"):
        cache.synchronise([new], registry.fetch, NOW)
    assert_mirrors(cache, [old])


class Killed(BaseException):
    """Simulates the end of the process at one write."""


@pytest.mark.parametrize("survived_writes", range(9))
def test_a_sync_killed_at_any_write_leaves_the_old_set_readable_and_the_next_sync_completes_it(
    cache: ModelCache, registry: Registry, monkeypatch: pytest.MonkeyPatch, survived_writes: int
) -> None:
    old = [registry.entry(1), registry.entry(2, alias="B")]
    cache.synchronise(old, registry.fetch, NOW)
    new = [registry.entry(3), registry.entry(4, alias="B")]
    real_write, writes = cache._folder.write, iter(range(100))

    def write(relative: str, data: bytes) -> None:
        if next(writes) >= survived_writes:
            raise Killed
        real_write(relative, data)

    monkeypatch.setattr(cache._folder, "write", write)
    # Six model files, two markers and the index: the ninth write replaces the index.
    if survived_writes < 9:
        with pytest.raises(Killed):
            cache.synchronise(new, registry.fetch, NOW)
        index = cache.read_index()
        assert index is not None
        assert index.entries == tuple(sorted(old))
        for entry in old:
            cache.read_bundle(entry)
    monkeypatch.setattr(cache._folder, "write", real_write)
    cache.synchronise(new, registry.fetch, NOW)
    assert_mirrors(cache, new)


def test_the_file_of_a_killed_local_write_is_deleted(cache: ModelCache, registry: Registry, tmp_path: Path) -> None:
    entry = registry.entry(1)
    cache.synchronise([entry], registry.fetch, NOW)
    torn = tmp_path / "cache" / entry.run_id / ".alias_Production.0123.torn"
    torn.write_bytes(b"half")
    cache.synchronise([entry], registry.fetch, NOW)
    assert not torn.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"written_at": 3, "entries": []}'])
def test_an_unreadable_index_is_an_error_until_the_next_sync_replaces_it(
    cache: ModelCache, registry: Registry, tmp_path: Path, text: str
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "index.json").write_text(text)
    with pytest.raises(CacheError, match="is not an index"):
        cache.read_index()
    cache.synchronise([registry.entry(1)], registry.fetch, NOW)
    assert_mirrors(cache, [registry.entry(1)])


@pytest.mark.parametrize("run_id", ["../../etc/passwd", "A" * 32, "a" * 31, "/" + "a" * 31])
def test_an_index_cannot_name_a_folder_outside_the_cache(
    cache: ModelCache, registry: Registry, tmp_path: Path, run_id: str
) -> None:
    cache.synchronise([registry.entry(1)], registry.fetch, NOW)
    path = tmp_path / "cache" / "index.json"
    index = json.loads(path.read_text())
    index["entries"][0]["run_id"] = run_id
    path.write_text(json.dumps(index))
    with pytest.raises(CacheError, match="is not an index"):
        cache.read_index()


def test_an_index_of_a_newer_format_is_refused(cache: ModelCache, registry: Registry, tmp_path: Path) -> None:
    cache.synchronise([registry.entry(1)], registry.fetch, NOW)
    path = tmp_path / "cache" / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 2}))
    with pytest.raises(CacheError, match="has format 2"):
        cache.read_index()


def test_the_error_for_a_missing_run_names_the_slot(cache: ModelCache, registry: Registry) -> None:
    with pytest.raises(CacheError, match="cannot read the bundle of xgboost@Production"):
        cache.read_bundle(registry.entry(1))


@pytest.mark.parametrize("url", ["floppy://a", "zip://a::file://b", "zip://", "zip:///no/such/file"])
def test_a_url_that_cannot_be_opened_is_refused(url: str) -> None:
    with pytest.raises(CacheError, match="cannot be opened"):
        ModelCache.open(url)
