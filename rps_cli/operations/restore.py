"""Restoring a snapshot: verify, unpack next to the targets, then swap everything at the end.

Existing data is moved aside, never deleted.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from rps_cli.network import fault_of
from rps_cli.operations.archive import (
    Manifest,
    SnapshotError,
    extract_members,
    read_manifest,
    reading_archive,
    require_space,
    verify_members,
)
from rps_cli.operations.parts import CACHE, FOLDERS, GAMEPLAY, MLFLOW, STORE_MEMBER, Places, places_of
from rps_cli.operations.schema import known_revisions, migrate_to
from rps_cli.operations.store_copy import (
    copy_rows,
    other_connections,
    require_own_schema,
    require_sound_sqlite,
    row_counts,
    save_store,
    settle_sqlite,
)
from rps_cli.operations.swap import relocation, staging_path, swapped
from rps_cli.stores import gameplay_store, sqlite_store
from rps_cli.up.layout import plan_layout
from rps_core.bundle.codec import MAX_MODEL_BYTES
from rps_core.cache import INDEX_FILE, MODEL_FOLDER, ModelCache
from rps_core.errors import CacheError
from rps_core.settings import Settings, StorageSettings
from rps_core.store import upgrade_store

# No migration may lose a row of these tables.
KEPT_TABLES = ("games", "events", "predictions", "models", "promotion_events")


class Restored(NamedTuple):
    """The result of a restore; `aside` lists the folders of the previous data, if there was any."""

    manifest: Manifest
    parts: tuple[str, ...]
    skipped: dict[str, str]
    aside: tuple[Path, ...]


def verify_snapshot(file: Path) -> Manifest:
    """Read a whole snapshot and return its manifest; nothing is written.

    Raises:
        SnapshotError: it is damaged, incomplete, or comes from a newer release.
    """
    with reading_archive(file) as opened:
        manifest = read_manifest(opened)
        verify_members(opened, manifest)
    if not any(member.path == STORE_MEMBER for member in manifest.members):
        raise SnapshotError(f"{file} has no {STORE_MEMBER}; use another copy")
    revision = manifest.versions.get("schema", "")
    if revision not in known_revisions():
        raise SnapshotError(
            f"{file} has schema revision {revision[:40]!r} and comes from a newer release; this one knows "
            f"{', '.join(known_revisions())}"
        )
    return manifest


def restore_snapshot(
    settings: Settings,
    environ: Mapping[str, str],
    file: Path,
    now: datetime,
    log: Callable[[str], None],
    *,
    force: bool = False,
) -> Restored:
    """Restore a snapshot into this configuration.

    Args:
        settings: where the parts go.
        environ: environment in which `rps up` finds Dagster's home.
        file: the snapshot.
        now: time in the name of the folder for the previous data.
        log: takes a sentence for each step.
        force: move existing data aside.

    Raises:
        RpsError: the snapshot is damaged, the product runs, data exists, or the disk is full. Nothing is changed then.
    """
    manifest = verify_snapshot(file)
    log(
        f"verified {len(manifest.members):,} members, {manifest.size / 1e6:,.1f} MB, of {manifest.created_at:%F %T} UTC"
    )
    places = places_of(settings)
    with _hold_stopped(settings, environ), _existing_store(settings.storage, places) as engine:
        _require_empty(settings.storage, places, engine, force=force)
        _require_unused(engine, places)
        places.data.mkdir(parents=True, exist_ok=True)
        require_space(places.data, 2 * manifest.size)
        with _staging(places) as staging:
            _stage(file, manifest, places, staging)
            log("unpacked next to the targets")
            return _swap(settings, places, manifest, staging, engine, now)


@contextmanager
def _hold_stopped(settings: Settings, environ: Mapping[str, str]) -> Iterator[None]:
    """Hold the lock of the data folder, so that `rps up` cannot start in the meantime.

    Raises:
        SnapshotError: the product runs.
    """
    if fault_of(f"{settings.services.api_base_url}/healthz") is None:
        raise SnapshotError(
            f"a product answers at {settings.services.api_link_url}; stop it first (`rps down`), or set RPS_API_PORT "
            "to the port of the product that you want to restore"
        )
    try:
        from filelock import FileLock, Timeout

        from rps_cli.up.leftovers import find_leftovers
    except ModuleNotFoundError:
        # Without the `up` extra, `rps up` cannot run.
        yield
        return
    layout = plan_layout(settings.storage, environ)
    layout.run.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(layout.lock_file, timeout=0):
            leftovers = find_leftovers(layout.data)
            if leftovers:
                raise SnapshotError(
                    f"{len(leftovers)} processes of `rps up` still run on {layout.data}; end them with `rps down`"
                )
            yield
    except Timeout as error:
        raise SnapshotError(f"`rps up` runs on {layout.data}; stop it first with `rps down`") from error


@contextmanager
def _existing_store(storage: StorageSettings, places: Places) -> Iterator[Engine | None]:
    """Open the present gameplay store; None if its file does not exist."""
    if places.sqlite_file is not None and not places.sqlite_file.is_file():
        yield None
        return
    with gameplay_store(storage) as engine:
        yield engine


def _require_unused(engine: Engine | None, places: Places) -> None:
    if engine is None:
        return
    engine.dispose()
    if places.sqlite_file is not None:
        # SQLite would apply a log that stays behind to the restored file.
        settle_sqlite(places.sqlite_file)
        return
    others = other_connections(engine)
    if others:
        raise SnapshotError(f"{others} other connections use the gameplay database; stop the API and Dagster")


def _require_empty(storage: StorageSettings, places: Places, engine: Engine | None, *, force: bool) -> None:
    if force:
        return
    existing = [
        str(folder)
        for folder in places.folders.values()
        if folder.is_dir() and any(map(Path.is_file, folder.rglob("*")))
    ]
    if engine is not None and row_counts(engine).get("games"):
        existing.append("the gameplay store")
    if places.cache_folder is None:
        cache = ModelCache.of(storage)
        existing += [str(cache)] if cache.read_index() is not None else []
    if existing:
        raise SnapshotError(f"there is already data in {', '.join(existing)}; use --force to move it aside")


class StagedParts(NamedTuple):
    """Unpacked parts, each on the disk of its target."""

    store: Path
    folders: dict[str, Path]


@contextmanager
def _staging(places: Places) -> Iterator[StagedParts]:
    mark = f"restoring-{uuid.uuid4().hex[:8]}"
    store = staging_path(places.sqlite_file or places.data / "rps.db", mark)
    # A remote cache is staged in the data folder and uploaded later.
    local = {name: staging_path(folder, mark) for name, folder in places.folders.items()}
    folders = {name: local.get(name, places.data / f".{name}.{mark}") for name in (CACHE, MLFLOW, *FOLDERS)}
    try:
        yield StagedParts(store, folders)
    finally:
        store.unlink(missing_ok=True)
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)


def _stage(file: Path, manifest: Manifest, places: Places, staging: StagedParts) -> None:
    def place(path: str) -> Path | None:
        part, _, rest = path.partition("/")
        if part == GAMEPLAY:
            return staging.store if path == STORE_MEMBER else None
        wanted = part in staging.folders and rest and not (part == MLFLOW and places.mlflow_folder is None)
        return staging.folders[part] / rest if wanted else None

    with reading_archive(file) as opened:
        extract_members(opened, manifest, place)
    require_sound_sqlite(staging.store)
    with sqlite_store(staging.store) as copy:
        # An older snapshot is migrated before it replaces anything.
        upgrade_store(copy)
        require_own_schema(copy)
        found = row_counts(copy)
    settle_sqlite(staging.store)
    incomplete = [name for name in KEPT_TABLES if found.get(name, 0) != manifest.rows.get(name, 0)]
    if incomplete:
        raise SnapshotError(f"the gameplay store lacks rows of {', '.join(incomplete)}; use another copy")


def _swap(
    settings: Settings, places: Places, manifest: Manifest, staging: StagedParts, engine: Engine | None, now: datetime
) -> Restored:
    aside = places.data / f"before-restore-{now:%Y%m%dT%H%M%SZ}"
    parts, skipped = [GAMEPLAY], dict[str, str]()
    moves = []
    for name, folder in places.folders.items():
        if staging.folders[name].is_dir():
            moves.append(relocation(staging.folders[name], folder, aside / name))
            parts.append(name)
        elif name in manifest.left_out:
            skipped[name] = manifest.left_out[name]
    if places.sqlite_file is not None:
        moves.append(relocation(staging.store, places.sqlite_file, aside / "rps.db"))
    if places.mlflow_folder is None and MLFLOW in manifest.parts:
        skipped[MLFLOW] = "MLFLOW_TRACKING_URI names another server, which is unchanged"
    _require_unused(engine, places)
    with swapped(moves):
        if places.sqlite_file is None and engine is not None:
            _load_rows(staging.store, engine, aside)
    if places.cache_folder is None and staging.folders[CACHE].is_dir():
        try:
            _load_cache(settings.storage, staging.folders[CACHE])
            parts.append(CACHE)
        except CacheError as error:
            # The rest is restored, and the cache can be written again from the registry.
            skipped[CACHE] = f"{error}; start the product and run `rps sync`"
    elsewhere = {move.aside for move in moves} - {aside / name for name in ("rps.db", *places.folders)}
    return Restored(
        manifest, tuple(sorted(parts)), skipped, tuple(path for path in (aside, *sorted(elsewhere)) if path.exists())
    )


def _load_rows(store: Path, engine: Engine, aside: Path) -> None:
    """Replace the rows of a database server in one transaction, after saving the previous ones."""
    if row_counts(engine).get("games"):
        aside.mkdir(parents=True, exist_ok=True)
        save_store(engine, aside / "rps.db")
    migrate_to(engine, known_revisions()[-1])
    with sqlite_store(store) as source:
        copy_rows(source, engine, replace=True)


def _load_cache(storage: StorageSettings, staged: Path) -> None:
    """Copy the staged cache into a remote one, its index last."""
    index = ModelCache.open(f"file://{staged}").read_index()
    if index is None:
        raise CacheError(f"the snapshot's cache has no {INDEX_FILE}")

    def fetch(run_id: str) -> Mapping[str, bytes]:
        folder = staged / run_id / MODEL_FOLDER
        files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
        return {path.name: path.read_bytes() for path in files if path.stat().st_size <= MAX_MODEL_BYTES}

    cache = ModelCache.of(storage)
    cache.synchronise(index.entries, fetch, index.written_at)
