"""The model cache: a mirror of the registry's aliased runs on any fsspec file system.

Layout, kept from the original system so that its runbook works:

    <root>/<run id>/model/…           the files of the registered model, manifest last
    <root>/<run id>/.alias_<alias>    marker: "<registered name>@<alias> v<version>"
    <root>/index.json                 what is served; swapped last, the only object a reader needs

Data is written first and the index last, so a reader sees either the old set or the new one, and a sync that was
killed anywhere is mended by running it again. Nothing here relies on conditional writes: some S3 servers ignore them
without a word.
"""

import contextlib
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Any, NamedTuple

import fsspec
import msgspec
from fsspec.implementations.local import LocalFileSystem

from rps_core.bundle.codec import MANIFEST_FILE, MAX_MODEL_BYTES, MODEL_FILE, Bundle, decode_bundle, sha256_hex
from rps_core.errors import CacheError
from rps_core.families import Alias, Family, Slot
from rps_core.features.contract import FeatureContract

INDEX_FILE = "index.json"
INDEX_FORMAT_VERSION = 1
MODEL_FOLDER = "model"
MARKER_PREFIX = ".alias_"
MAX_INDEX_BYTES = 1_000_000
TORN_WRITE_SUFFIX = ".torn"

RunId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_RUN_FOLDER = re.compile(r"[0-9a-f]{32}")
_MARKER_FILE = re.compile(r"\.alias_[A-Za-z0-9_]+")


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What one slot serves: a version of a registered model and the run that made it."""

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
    def marker(self) -> str:
        """Text of the alias marker, in the original's form."""
        return f"{self.registered_name}@{self.alias} v{self.version}"


class CacheIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The index object: everything a reader needs to load the served set."""

    format_version: int = INDEX_FORMAT_VERSION
    written_at: datetime
    entries: tuple[CacheEntry, ...]

    @property
    def run_ids(self) -> frozenset[str]:
        """Runs that fill at least one slot."""
        return frozenset(entry.run_id for entry in self.entries)


class SyncReport(NamedTuple):
    """What one synchronisation did; every field names run ids or marker paths."""

    uploaded: tuple[str, ...]
    kept: tuple[str, ...]
    deleted: tuple[str, ...]
    markers_written: tuple[str, ...]
    markers_deleted: tuple[str, ...]
    index_changed: bool


class ModelCache:
    """Reads and writes the layout above below one root folder or bucket."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")

    @classmethod
    def open(cls, url: str, storage_options: Mapping[str, Any] | None = None) -> "ModelCache":
        """Open the cache at an fsspec URL; nothing is read or created yet.

        Raises:
            CacheError: the URL names a file system that is unknown or not installed.
        """
        try:
            filesystem, root = fsspec.core.url_to_fs(url, **(storage_options or {}))
        except (ValueError, ImportError) as error:
            raise CacheError(f"the model cache {url!r} cannot be opened: {error}") from error
        return cls(filesystem, root)

    def __str__(self) -> str:
        return str(self._fs.unstrip_protocol(self._root))

    def read_index(self) -> CacheIndex | None:
        """Return the index, or None where no sync has finished yet.

        Raises:
            CacheError: the store cannot be reached, or the object is no index of a known format.
        """
        with self._translated(f"read {INDEX_FILE}"):
            if not self._fs.exists(self._path(INDEX_FILE)):
                return None
            data = self._read(INDEX_FILE, MAX_INDEX_BYTES)
        try:
            index = msgspec.json.decode(data, type=CacheIndex)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CacheError(
                f"{self}/{INDEX_FILE} is not an index: {error}; run the serving/model_cache asset to rebuild it"
            ) from error
        if index.format_version != INDEX_FORMAT_VERSION:
            raise CacheError(f"{self}/{INDEX_FILE} has format {index.format_version}, this code reads format 1")
        return index

    def read_bundle(self, entry: CacheEntry, contract: FeatureContract) -> Bundle:
        """Read and check the bundle of one entry.

        Raises:
            CacheError: the store cannot be reached or an object is missing.
            BundleError: the bytes are not those that the index and the manifest promise, or the contract differs.
        """
        with self._translated(f"read the bundle of {entry.slot}"):
            manifest = self._read(f"{entry.run_id}/{MODEL_FOLDER}/{MANIFEST_FILE}", MAX_INDEX_BYTES)
            onnx_bytes = self._read(f"{entry.run_id}/{MODEL_FOLDER}/{MODEL_FILE}", MAX_MODEL_BYTES)
        return decode_bundle(manifest, onnx_bytes, contract)

    def run_ids(self) -> frozenset[str]:
        """Return the run folders present, complete or not."""
        with self._translated("list the runs"):
            return frozenset(name for name in self._names("") if _RUN_FOLDER.fullmatch(name))

    def markers(self) -> dict[str, str]:
        """Return every alias marker as ``<run id>/.alias_<alias>`` -> text."""
        with self._translated("read the markers"):
            return {
                f"{run_id}/{name}": self._read(f"{run_id}/{name}", 1_000).decode(errors="replace")
                for run_id in sorted(self.run_ids())
                for name in self._names(run_id)
                if _MARKER_FILE.fullmatch(name)
            }

    def holds(self, entry: CacheEntry) -> bool:
        """Return whether the run of `entry` is present with exactly the promised bytes."""
        try:
            manifest = self._read(f"{entry.run_id}/{MODEL_FOLDER}/{MANIFEST_FILE}", MAX_INDEX_BYTES)
            model = self._read(f"{entry.run_id}/{MODEL_FOLDER}/{MODEL_FILE}", MAX_MODEL_BYTES)
        except (OSError, CacheError):
            return False
        return sha256_hex(manifest) == entry.manifest_sha256 and sha256_hex(model) == entry.model_sha256

    def write_run(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Write the model files of a run, the manifest last: without it the folder does not count as a bundle."""
        with self._translated(f"write run {run_id}"):
            for name in sorted(files, key=lambda name: (name == MANIFEST_FILE, name)):
                self._write(f"{run_id}/{MODEL_FOLDER}/{name}", files[name])

    def synchronise(
        self,
        wanted: Iterable[CacheEntry],
        fetch: Callable[[str], Mapping[str, bytes]],
        now: datetime,
        log: Callable[[str], None] = lambda _: None,
    ) -> SyncReport:
        """Make the cache hold exactly the `wanted` entries.

        Order: missing runs, markers, index, and only then the deletion of what nothing points at.

        Args:
            wanted: one entry a filled slot.
            fetch: returns the model files of a run id by file name.
            now: time written into the index.
            log: receives one sentence an action.

        Raises:
            CacheError: the store cannot be reached, or a fetched run is not the wanted one.
        """
        entries = tuple(sorted(wanted))
        with self._translated("synchronise"):
            self._delete_torn_writes()
            uploaded = self._upload_missing(entries, fetch, log)
            written = self._write_markers(entries)
            index_changed = self._swap_index(entries, now)
            removed_markers = self._delete_stale_markers(entries)
            deleted = self._delete_stale_runs({entry.run_id for entry in entries}, log)
        kept = tuple(sorted({entry.run_id for entry in entries} - set(uploaded)))
        return SyncReport(uploaded, kept, deleted, written, removed_markers, index_changed)

    def _upload_missing(
        self, entries: tuple[CacheEntry, ...], fetch: Callable[[str], Mapping[str, bytes]], log: Callable[[str], None]
    ) -> tuple[str, ...]:
        uploaded: list[str] = []
        for entry in entries:
            if entry.run_id in uploaded or self.holds(entry):
                continue
            files = fetch(entry.run_id)
            _require_promised_bytes(entry, files)
            self.write_run(entry.run_id, files)
            uploaded.append(entry.run_id)
            log(f"uploaded run {entry.run_id} for {entry.marker}")
        return tuple(uploaded)

    def _write_markers(self, entries: tuple[CacheEntry, ...]) -> tuple[str, ...]:
        present = self.markers()
        wanted = _wanted_markers(entries)
        changed = {path: text for path, text in wanted.items() if present.get(path) != text}
        for path, text in changed.items():
            self._write(path, text.encode())
        return tuple(changed)

    def _swap_index(self, entries: tuple[CacheEntry, ...], now: datetime) -> bool:
        try:
            current = self.read_index()
        except CacheError:
            # An unreadable index is replaced: the cache is a mirror and holds no truth of its own.
            current = None
        if current is not None and current.entries == entries:
            return False
        index = CacheIndex(written_at=now, entries=entries)
        self._write(INDEX_FILE, msgspec.json.format(msgspec.json.encode(index), indent=2))
        return True

    def _delete_stale_markers(self, entries: tuple[CacheEntry, ...]) -> tuple[str, ...]:
        stale = tuple(path for path in self.markers() if path not in _wanted_markers(entries))
        for path in stale:
            self._fs.rm_file(self._path(path))
        return stale

    def _delete_stale_runs(self, wanted: set[str], log: Callable[[str], None]) -> tuple[str, ...]:
        stale = tuple(sorted(self.run_ids() - wanted))
        for run_id in stale:
            # One by one: the bulk call needs a checksum header that not every server accepts.
            for path in sorted(self._fs.find(self._path(run_id)), reverse=True):
                self._fs.rm_file(path)
            if isinstance(self._fs, LocalFileSystem):
                self._fs.rm(self._path(run_id), recursive=True)
            log(f"deleted run {run_id}: no alias points at it")
        return stale

    def _delete_torn_writes(self) -> None:
        # Only a killed local writer leaves these; an S3 object appears whole or not at all.
        if isinstance(self._fs, LocalFileSystem) and self._fs.exists(self._root):
            for path in self._fs.find(self._root):
                if path.endswith(TORN_WRITE_SUFFIX):
                    self._fs.rm_file(path)

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}"

    def _names(self, folder: str) -> list[str]:
        try:
            listing = self._fs.ls(self._path(folder).rstrip("/"), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return [PurePosixPath(path).name for path in listing]

    def _read(self, relative: str, max_bytes: int) -> bytes:
        path = self._path(relative)
        size = self._fs.info(path, refresh=True)["size"]
        if size > max_bytes:
            raise CacheError(f"{self}/{relative} has {size} bytes; at most {max_bytes} are read")
        data: bytes = self._fs.cat_file(path)
        return data

    def _write(self, relative: str, data: bytes) -> None:
        path = self._path(relative)
        if not isinstance(self._fs, LocalFileSystem):
            self._fs.pipe_file(path, data)
            return
        self._fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        temporary = f"{path}.{uuid.uuid4().hex}{TORN_WRITE_SUFFIX}"
        with open(temporary, "wb") as file:  # noqa: PTH123 - fsspec hands out plain strings
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - the same

    @contextlib.contextmanager
    def _translated(self, action: str) -> Any:
        try:
            yield
        except CacheError:
            raise
        except Exception as error:
            # s3fs lets botocore's, aiohttp's and OSError's families through; all mean the same here.
            if not _is_store_error(error):
                raise
            raise CacheError(f"cannot {action} in {self}: {error or type(error).__name__}") from error


def _is_store_error(error: Exception) -> bool:
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or module in {"botocore", "aiohttp", "aiobotocore", "s3fs"}


def _wanted_markers(entries: Iterable[CacheEntry]) -> dict[str, str]:
    return {f"{entry.run_id}/{MARKER_PREFIX}{entry.alias}": entry.marker for entry in entries}


def _require_promised_bytes(entry: CacheEntry, files: Mapping[str, bytes]) -> None:
    for name, promised in ((MANIFEST_FILE, entry.manifest_sha256), (MODEL_FILE, entry.model_sha256)):
        if name not in files:
            raise CacheError(f"run {entry.run_id} has no {name}; it is no model of this product")
        if sha256_hex(files[name]) != promised:
            raise CacheError(f"{name} of run {entry.run_id} is not the one that {entry.marker} names; fetch it again")
