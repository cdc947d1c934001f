"""Snapshots of a product, which may be running: gameplay store, model cache, MLflow and datasets, in this order.

A part may refer only to parts that are copied later: games name model versions, the cache names runs, and the registry
has both.
"""

import platform
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rps_cli.operations.archive import (
    ArchiveWriter,
    Manifest,
    SnapshotError,
    require_space,
    write_manifest,
    writing_archive,
)
from rps_cli.operations.parts import CACHE, FOLDERS, MLFLOW, MLFLOW_DATABASE, STORE_MEMBER, Places, places_of
from rps_cli.operations.schema import revision_of
from rps_cli.operations.store_copy import copy_sqlite, row_counts, save_store
from rps_cli.operations.swap import HIDDEN_ASIDE
from rps_cli.stores import gameplay_store, sqlite_store
from rps_core.bundle.codec import MAX_MODEL_BYTES
from rps_core.cache import INDEX_FILE, MARKER_PREFIX, MODEL_FOLDER, CacheIndex, ModelCache
from rps_core.errors import CacheError
from rps_core.object_folder import TORN_WRITE_SUFFIX, ObjectFolder
from rps_core.settings import Settings, StorageSettings
from rps_core.version import installed_version

CACHE_ATTEMPTS = 5
SUFFIXES_LEFT_OUT = (TORN_WRITE_SUFFIX, "-wal", "-shm", "-journal")


def take_snapshot(
    settings: Settings, target: Path, now: datetime, log: Callable[[str], None], *, overwrite: bool = False
) -> Manifest:
    """Write a snapshot and return its manifest.

    Args:
        settings: where the parts are.
        target: file to write.
        now: time in the manifest.
        log: takes a sentence for each part.
        overwrite: replace an existing file.

    Raises:
        RpsError: the store is missing, a part cannot be read, or the file cannot be written.
    """
    places, left_out = places_of(settings), dict[str, str]()
    _require_store(places)
    if not target.parent.is_dir():
        raise SnapshotError(f"the folder {target.parent} does not exist; create it first")
    require_space(target.parent, _estimated_bytes(places))
    with (
        writing_archive(target, overwrite=overwrite) as opened,
        tempfile.TemporaryDirectory(prefix=".rps-snapshot-", dir=target.parent) as scratch,
    ):
        writer = ArchiveWriter(opened)
        revision, rows = _add_store(settings.storage, writer, Path(scratch))
        log(f"gameplay store: {rows.get('games', 0):,} games, {rows.get('events', 0):,} rounds, revision {revision}")
        log(f"model cache: {_add_cache(settings.storage, writer)}")
        log(f"MLflow: {_add_mlflow(places, writer, Path(scratch), left_out)}")
        for name in FOLDERS:
            if name in places.folders:
                log(f"{name}: {_add_folder(writer, name, places.folders[name], left_out)} files")
            else:
                left_out[name] = "RPS_DATA_URL names another place; the next training writes it again"
        left_out["dagster"] = "the product does not need its history of runs; new runs start a new one"
        manifest = Manifest(
            created_at=now,
            versions={"product": installed_version(), "python": platform.python_version(), "schema": revision},
            rows=rows,
            left_out=left_out,
            members=tuple(writer.members),
        )
        write_manifest(opened, manifest)
    return manifest


def _require_store(places: Places) -> None:
    if places.sqlite_file is not None and not places.sqlite_file.is_file():
        raise SnapshotError(f"the gameplay database {places.sqlite_file} does not exist; check DATA_PATH")


def _estimated_bytes(places: Places) -> int:
    """Return an upper bound of the bytes to write: all files once, the databases twice."""
    files = [path for folder in places.folders.values() for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    return size + 2 * (places.sqlite_file.stat().st_size if places.sqlite_file else 0)


def _add_store(storage: StorageSettings, writer: ArchiveWriter, scratch: Path) -> tuple[str, dict[str, int]]:
    """Add the gameplay store, and return its revision and the rows of each table."""
    copy_file = scratch / "rps.db"
    with gameplay_store(storage) as engine:
        save_store(engine, copy_file)
    writer.add_file(STORE_MEMBER, copy_file)
    # Counted in the copy, because people may go on playing.
    with sqlite_store(copy_file) as copy:
        found = revision_of(copy) or "", row_counts(copy)
    for path in scratch.iterdir():
        path.unlink()
    return found


def _add_cache(storage: StorageSettings, writer: ArchiveWriter) -> str:
    """Add the index and the files that it names, all from the same synchronisation."""
    folder = ObjectFolder.open(storage.cache_url, storage.cache_storage_options)
    cache = ModelCache(folder)
    for _ in range(CACHE_ATTEMPTS):
        index = cache.read_index()
        if index is None:
            return "empty"
        try:
            files = _cache_files(folder, index)
        except (FileNotFoundError, CacheError):
            # A synchronisation has just deleted files of the old index.
            continue
        if cache.read_index() == index and all(cache.holds(entry) for entry in index.entries):
            for path, data in files.items():
                writer.add_bytes(f"{CACHE}/{path}", data)
            return f"{len(index.entries)} slots, {len(index.run_ids)} runs"
    raise SnapshotError(f"the model cache {cache} lacks files that its index names; repair it with `rps sync`")


def _cache_files(folder: ObjectFolder, index: CacheIndex) -> dict[str, bytes]:
    files = {INDEX_FILE: folder.read(INDEX_FILE, MAX_MODEL_BYTES)}
    with folder.translated_errors("read the runs"):
        for run_id in sorted(index.run_ids):
            for name in folder.names(f"{run_id}/{MODEL_FOLDER}"):
                if not name.endswith(TORN_WRITE_SUFFIX):
                    path = f"{run_id}/{MODEL_FOLDER}/{name}"
                    files[path] = folder.read(path, MAX_MODEL_BYTES)
    for entry in index.entries:
        files[f"{entry.run_id}/{MARKER_PREFIX}{entry.alias}"] = entry.marker.encode()
    return files


def _add_mlflow(places: Places, writer: ArchiveWriter, scratch: Path, left_out: dict[str, str]) -> str:
    if places.mlflow_folder is None:
        left_out[MLFLOW] = "MLFLOW_TRACKING_URI names another server; back it up separately"
        return "left out, because it is another server"
    database = places.mlflow_folder / MLFLOW_DATABASE
    if not database.is_file():
        left_out[MLFLOW] = "it has no database yet"
        return "nothing yet"
    # The database first: the artifacts of every version in it exist by then.
    copy_sqlite(database, scratch / MLFLOW_DATABASE)
    writer.add_file(f"{MLFLOW}/{MLFLOW_DATABASE}", scratch / MLFLOW_DATABASE)
    (scratch / MLFLOW_DATABASE).unlink()
    files = _add_folder(writer, f"{MLFLOW}/artifacts", places.mlflow_folder / "artifacts", left_out)
    return f"database and {files:,} artifacts"


def _add_folder(writer: ArchiveWriter, name: str, folder: Path, left_out: dict[str, str]) -> int:
    # Pointers such as latest.json first: the files that they name are already there.
    found = sorted(folder.rglob("*"), key=lambda path: (path.suffix != ".json", path))
    added = 0
    for path in found:
        relative = path.relative_to(folder).as_posix()
        if relative.startswith(HIDDEN_ASIDE):
            continue
        if path.is_symlink():
            left_out[f"{name}/{relative}"] = "it is a link"
        elif path.is_file() and not relative.endswith(SUFFIXES_LEFT_OUT):
            try:
                writer.add_file(f"{name}/{relative}", path)
            except FileNotFoundError:
                # Deleted in the meantime, as old datasets are.
                continue
            added += 1
    return added
