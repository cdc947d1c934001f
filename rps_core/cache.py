"""The model cache: a mirror of the registry's aliased runs on any fsspec file system.

The layout is that of the original system, so its runbook still works:

    <root>/<run id>/model/…           the files of the registered model; the manifest is written last
    <root>/<run id>/.alias_<alias>    marker: "<registered name>@<alias> v<version>"
    <root>/index.json                 the served set; a reader starts from it, and a sync replaces it last

Because the index changes last, a reader sees the old set or the new one. Running a killed sync again completes it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from rps_core.bundle.codec import MANIFEST_FILE, MAX_MODEL_BYTES, MODEL_FILE, Bundle, decode_bundle, sha256_hex
from rps_core.errors import BundleCorrupt, CacheError
from rps_core.game.families import Alias, Family, ModelIdentity, Slot
from rps_core.object_folder import ObjectFolder
from rps_core.settings.storage import StorageSettings

INDEX_FILE = "index.json"
INDEX_FORMAT_VERSION = 1
MODEL_FOLDER = "model"
MARKER_PREFIX = ".alias_"
MAX_INDEX_BYTES = 1_000_000

RunId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_RUN_FOLDER = re.compile(r"[0-9a-f]{32}")
_MARKER_FILE = re.compile(r"\.alias_[A-Za-z0-9_]+")


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The model in one slot: a version of a registered model and its training run."""

    family: Family
    alias: Alias
    registered_name: str
    version: str
    run_id: RunId
    manifest_sha256: Sha256
    model_sha256: Sha256

    @property
    def slot(self) -> Slot:
        """The slot this entry fills."""
        return Slot(self.family, self.alias)

    @property
    def identity(self) -> ModelIdentity:
        """The model this entry names."""
        return ModelIdentity(self.version, self.run_id)

    @property
    def marker(self) -> str:
        """Text of the alias marker, in the original's form."""
        return f"{self.registered_name}@{self.alias} v{self.version}"


class CacheIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The index object: the models that a reader has to load."""

    format_version: int = INDEX_FORMAT_VERSION
    written_at: datetime
    entries: tuple[CacheEntry, ...]

    @property
    def run_ids(self) -> frozenset[str]:
        """Runs that fill at least one slot."""
        return frozenset(entry.run_id for entry in self.entries)


class SyncReport(NamedTuple):
    """The changes of one synchronisation, as run ids and marker paths."""

    uploaded: tuple[str, ...]
    kept: tuple[str, ...]
    deleted: tuple[str, ...]
    markers_written: tuple[str, ...]
    markers_deleted: tuple[str, ...]
    index_changed: bool


def decode_entry(entry: CacheEntry, manifest: bytes, onnx_bytes: bytes) -> Bundle:
    """Return the bundle of an entry after checking it.

    Raises:
        BundleError: the bytes differ from the entry or the manifest, or the contract is unknown.
    """
    bundle = decode_bundle(manifest, onnx_bytes)
    if sha256_hex(manifest) != entry.manifest_sha256 or bundle.manifest.model_sha256 != entry.model_sha256:
        raise BundleCorrupt(f"the bundle of {entry.marker} is not the one that the index names; run `rps sync`")
    return bundle


class ModelCache:
    """Reads and writes a model cache in one folder or bucket."""

    def __init__(self, folder: ObjectFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, url: str, storage_options: Mapping[str, Any] | None = None) -> "ModelCache":
        """Return the cache at an fsspec URL, without reading or creating anything.

        Raises:
            CacheError: the URL is a chain of file systems, or its file system is unknown or not installed.
        """
        return cls(ObjectFolder.open(url, storage_options))

    @classmethod
    def of(cls, storage: StorageSettings) -> "ModelCache":
        """Return the cache of an installation, like `open`."""
        return cls.open(storage.cache_url, storage.cache_storage_options)

    def __str__(self) -> str:
        return str(self._folder)

    def read_index(self) -> CacheIndex | None:
        """Return the index, or None if no sync has finished yet.

        Raises:
            CacheError: the file system is unreachable, or the object is not an index of a known format.
        """
        with self._folder.translated_errors(f"read {INDEX_FILE}"):
            if not self._folder.exists(INDEX_FILE):
                return None
            data = self._folder.read(INDEX_FILE, MAX_INDEX_BYTES)
        try:
            index = msgspec.json.decode(data, type=CacheIndex)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CacheError(f"{self}/{INDEX_FILE} is not an index: {error}; run `rps sync` to rebuild it") from error
        if index.format_version != INDEX_FORMAT_VERSION:
            raise CacheError(
                f"{self}/{INDEX_FILE} has format {index.format_version}, but this code reads "
                f"format {INDEX_FORMAT_VERSION}; run `rps sync` to rebuild it"
            )
        return index

    def read_bundle(self, entry: CacheEntry) -> Bundle:
        """Return the checked bundle of one entry.

        Raises:
            CacheError: the file system is unreachable, or an object is missing.
            BundleError: the bytes differ from the index or the manifest, or the contract is unknown.
        """
        with self._folder.translated_errors(f"read the bundle of {entry.slot}"):
            manifest = self._folder.read(f"{entry.run_id}/{MODEL_FOLDER}/{MANIFEST_FILE}", MAX_INDEX_BYTES)
            onnx_bytes = self._folder.read(f"{entry.run_id}/{MODEL_FOLDER}/{MODEL_FILE}", MAX_MODEL_BYTES)
        return decode_entry(entry, manifest, onnx_bytes)

    def run_ids(self) -> frozenset[str]:
        """Return the ids of all run folders, including incomplete ones."""
        with self._folder.translated_errors("list the runs"):
            return frozenset(name for name in self._folder.names("") if _RUN_FOLDER.fullmatch(name))

    def markers(self) -> dict[str, str]:
        """Return every alias marker as ``<run id>/.alias_<alias>`` -> text."""
        with self._folder.translated_errors("read the markers"):
            return {
                f"{run_id}/{name}": self._folder.read(f"{run_id}/{name}", 1_000).decode(errors="replace")
                for run_id in sorted(self.run_ids())
                for name in self._folder.names(run_id)
                if _MARKER_FILE.fullmatch(name)
            }

    def holds(self, entry: CacheEntry) -> bool:
        """Return whether the cache has the run of `entry` with the bytes that the entry names."""
        try:
            manifest = self._folder.read(f"{entry.run_id}/{MODEL_FOLDER}/{MANIFEST_FILE}", MAX_INDEX_BYTES)
            model = self._folder.read(f"{entry.run_id}/{MODEL_FOLDER}/{MODEL_FILE}", MAX_MODEL_BYTES)
        except (OSError, CacheError):
            return False
        return sha256_hex(manifest) == entry.manifest_sha256 and sha256_hex(model) == entry.model_sha256

    def write_run(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Write the model files of a run, the manifest last: a folder without a manifest is not a bundle."""
        with self._folder.translated_errors(f"write run {run_id}"):
            for name in sorted(files, key=lambda name: (name == MANIFEST_FILE, name)):
                self._folder.write(f"{run_id}/{MODEL_FOLDER}/{name}", files[name])

    def synchronise(
        self,
        wanted: Iterable[CacheEntry],
        fetch: Callable[[str], Mapping[str, bytes]],
        now: datetime,
        log: Callable[[str], None] = lambda _: None,
        *,
        force: bool = False,
    ) -> SyncReport:
        """Make the cache hold exactly the `wanted` entries.

        The order is: write missing runs, write markers, replace the index, delete stale markers and runs.

        Args:
            wanted: one entry for each filled slot.
            fetch: returns the model files of a run by file name.
            now: time to write into the index.
            log: receives one sentence for each action.
            force: write all runs again, including those that are complete.

        Raises:
            CacheError: the file system is unreachable, or a fetched run differs from its entry.
        """
        entries = tuple(sorted(wanted))
        with self._folder.translated_errors("synchronise"):
            self._folder.delete_torn_writes()
            uploaded = self._upload_missing(entries, fetch, log, force=force)
            written = self._write_markers(entries)
            index_changed = self._swap_index(entries, now)
            removed_markers = self._delete_stale_markers(entries)
            deleted = self._delete_stale_runs({entry.run_id for entry in entries}, log)
        kept = tuple(sorted({entry.run_id for entry in entries} - set(uploaded)))
        return SyncReport(uploaded, kept, deleted, written, removed_markers, index_changed)

    def _upload_missing(
        self,
        entries: tuple[CacheEntry, ...],
        fetch: Callable[[str], Mapping[str, bytes]],
        log: Callable[[str], None],
        *,
        force: bool,
    ) -> tuple[str, ...]:
        uploaded: list[str] = []
        for entry in entries:
            if entry.run_id in uploaded or (self.holds(entry) and not force):
                continue
            files = fetch(entry.run_id)
            _require_matching_bytes(entry, files)
            self.write_run(entry.run_id, files)
            uploaded.append(entry.run_id)
            log(f"uploaded run {entry.run_id} for {entry.marker}")
        return tuple(uploaded)

    def _write_markers(self, entries: tuple[CacheEntry, ...]) -> tuple[str, ...]:
        present = self.markers()
        wanted = _wanted_markers(entries)
        changed = {path: text for path, text in wanted.items() if present.get(path) != text}
        for path, text in changed.items():
            self._folder.write(path, text.encode())
        return tuple(changed)

    def _swap_index(self, entries: tuple[CacheEntry, ...], now: datetime) -> bool:
        try:
            current = self.read_index()
        except CacheError:
            # An unreadable index can be replaced, because the cache is only a mirror of the registry.
            current = None
        if current is not None and current.entries == entries:
            return False
        index = CacheIndex(written_at=now, entries=entries)
        self._folder.write(INDEX_FILE, msgspec.json.format(msgspec.json.encode(index), indent=2))
        return True

    def _delete_stale_markers(self, entries: tuple[CacheEntry, ...]) -> tuple[str, ...]:
        stale = tuple(path for path in self.markers() if path not in _wanted_markers(entries))
        for path in stale:
            self._folder.delete(path)
        return stale

    def _delete_stale_runs(self, wanted: set[str], log: Callable[[str], None]) -> tuple[str, ...]:
        stale = tuple(sorted(self.run_ids() - wanted))
        for run_id in stale:
            self._folder.delete_folder(run_id)
            log(f"deleted run {run_id}: no alias points at it")
        return stale


def _wanted_markers(entries: Iterable[CacheEntry]) -> dict[str, str]:
    return {f"{entry.run_id}/{MARKER_PREFIX}{entry.alias}": entry.marker for entry in entries}


def _require_matching_bytes(entry: CacheEntry, files: Mapping[str, bytes]) -> None:
    for name, expected in ((MANIFEST_FILE, entry.manifest_sha256), (MODEL_FILE, entry.model_sha256)):
        if name not in files:
            raise CacheError(f"run {entry.run_id} has no {name}; only models that this product trained can be served")
        if sha256_hex(files[name]) != expected:
            raise CacheError(f"{name} of run {entry.run_id} is not the one that {entry.marker} names; fetch it again")
