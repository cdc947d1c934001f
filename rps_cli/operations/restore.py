"""Bringing a snapshot back: everything is verified and put beside its place first, and changes places at the end.

What was there is moved aside, never deleted.
"""

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import httpx
from sqlalchemy import Engine

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
from rps_cli.up.layout import plan_layout
from rps_core.bundle.codec import MAX_MODEL_BYTES
from rps_core.cache import INDEX_FILE, MODEL_FOLDER, ModelCache
from rps_core.errors import CacheError
from rps_core.settings import Settings
from rps_core.store import open_engine, upgrade_store

PROBE_SECONDS = 3.0
# What no migration may lose a row of.
KEPT_TABLES = ("games", "events", "predictions", "models", "promotion_events")


class Restored(NamedTuple):
    """What a restore did; `aside` is the folder that holds what was there before, if anything was."""

    manifest: Manifest
    parts: tuple[str, ...]
    skipped: dict[str, str]
    aside: Path | None


class Relocation(NamedTuple):
    """A file or folder that changes places: `staged` becomes `target`, what is there goes to `aside`."""

    staged: Path
    target: Path
    aside: Path


def verify_snapshot(file: Path) -> Manifest:
    """Read a whole snapshot and return its manifest; nothing is written.

    Raises:
        SnapshotError: it is not what it promises, or comes from a newer release.
    """
    with reading_archive(file) as opened:
        manifest = read_manifest(opened)
        verify_members(opened, manifest)
    if not any(member.path == STORE_MEMBER for member in manifest.members):
        raise SnapshotError(f"{file} holds no {STORE_MEMBER}")
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
    say: Callable[[str], None],
    *,
    force: bool = False,
) -> Restored:
    """Bring a snapshot back into the places of this configuration.

    Args:
        settings: say where everything goes.
        environ: says where Dagster's home is, as `rps up` reads it.
        file: the snapshot.
        now: names the folder of what was there before.
        say: hears a sentence a step.
        force: move aside what is there.

    Raises:
        RpsError: the snapshot is unsound, the product runs, something is there, or there is no room. Nothing changed.
    """
    manifest = verify_snapshot(file)
    say(
        f"verified {len(manifest.members):,} members, {manifest.size / 1e6:,.1f} MB, of {manifest.created_at:%F %T} UTC"
    )
    places = places_of(settings)
    with _stopped(settings, environ), _opened_store(settings, places) as engine:
        _require_empty(settings, places, engine, force=force)
        _require_alone(engine, places)
        places.data.mkdir(parents=True, exist_ok=True)
        require_space(places.data, 2 * manifest.size)
        with _staging(places) as staging:
            _stage(file, manifest, places, staging)
            say("unpacked beside the places they belong to")
            return _swap(settings, places, manifest, staging, engine, now)


@contextmanager
def _stopped(settings: Settings, environ: Mapping[str, str]) -> Iterator[None]:
    """Hold the lock of the data folder, so that `rps up` cannot start meanwhile.

    Raises:
        SnapshotError: something runs.
    """
    if _answers(f"{settings.services.api_base_url}/healthz"):
        raise SnapshotError(
            f"a product answers at {settings.services.api_base_url}; stop it first, with `rps down` on one machine, "
            "or name the port of the one that is to be restored with RPS_API_PORT"
        )
    try:
        from filelock import FileLock, Timeout

        from rps_cli.up.leftovers import find_leftovers
    except ModuleNotFoundError:
        # Without the extra of `rps up` there is no `rps up` that could run.
        yield
        return
    layout = plan_layout(settings, environ)
    layout.run.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(layout.lock_file, timeout=0):
            left = find_leftovers(layout.data)
            if left:
                raise SnapshotError(
                    f"{len(left)} processes of `rps up` are left on {layout.data}; end them: `rps down`"
                )
            yield
    except Timeout as error:
        raise SnapshotError(f"`rps up` runs on {layout.data}; stop it first with `rps down`") from error


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=PROBE_SECONDS).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


@contextmanager
def _opened_store(settings: Settings, places: Places) -> Iterator[Engine | None]:
    """Open the store that is there; None where its file is not."""
    if places.sqlite_file is not None and not places.sqlite_file.is_file():
        yield None
        return
    engine = open_engine(settings.storage.database_url, sqlite_synchronous=settings.storage.sqlite_synchronous)
    try:
        yield engine
    finally:
        engine.dispose()


def _require_alone(engine: Engine | None, places: Places) -> None:
    if engine is None:
        return
    engine.dispose()
    if places.sqlite_file is not None:
        # A log that stays behind would be read into the file that takes the place.
        settle_sqlite(places.sqlite_file)
        return
    others = other_connections(engine)
    if others:
        raise SnapshotError(f"{others} other connections use the gameplay database; stop the API and Dagster first")


def _require_empty(settings: Settings, places: Places, engine: Engine | None, *, force: bool) -> None:
    if force:
        return
    there = [
        str(folder)
        for folder in places.folders.values()
        if folder.is_dir() and any(map(Path.is_file, folder.rglob("*")))
    ]
    if engine is not None and row_counts(engine).get("games"):
        there.append("the gameplay store")
    if places.cache_folder is None:
        cache = ModelCache.open(settings.storage.cache_url, settings.storage.cache_storage_options)
        there += [str(cache)] if cache.read_index() is not None else []
    if there:
        raise SnapshotError(f"there is something in {', '.join(there)}; --force moves it aside and restores")


class StagedParts(NamedTuple):
    """Where parts wait for the swap, each on the disk of its place."""

    store: Path
    folders: dict[str, Path]


@contextmanager
def _staging(places: Places) -> Iterator[StagedParts]:
    mark = f"restoring-{uuid.uuid4().hex[:8]}"
    store = (places.sqlite_file or places.data / "rps.db").with_name(f".rps.db.{mark}")
    # A cache or an MLflow that lives elsewhere waits in the data folder and is not swapped.
    local = {name: folder.with_name(f".{folder.name}.{mark}") for name, folder in places.folders.items()}
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
    copy = open_engine(f"sqlite:///{staging.store}")
    try:
        # An older snapshot is brought up to date before it is let near anything.
        upgrade_store(copy)
        require_own_schema(copy)
        found = row_counts(copy)
    finally:
        copy.dispose()
    settle_sqlite(staging.store)
    wrong = [name for name in KEPT_TABLES if found.get(name, 0) != manifest.rows.get(name, 0)]
    if wrong:
        raise SnapshotError(f"the gameplay store lacks rows of {', '.join(wrong)}; use another copy")


def _swap(
    settings: Settings, places: Places, manifest: Manifest, staging: StagedParts, engine: Engine | None, now: datetime
) -> Restored:
    aside = places.data / f"before-restore-{now:%Y%m%dT%H%M%SZ}"
    parts, skipped = [GAMEPLAY], dict[str, str]()
    moves = []
    for name, folder in places.folders.items():
        if staging.folders[name].is_dir():
            moves.append(Relocation(staging.folders[name], folder, aside / name))
            parts.append(name)
        elif name in manifest.left_out:
            skipped[name] = manifest.left_out[name]
    if places.sqlite_file is not None:
        moves.append(Relocation(staging.store, places.sqlite_file, aside / "rps.db"))
    if places.mlflow_folder is None and MLFLOW in manifest.parts:
        skipped[MLFLOW] = "MLFLOW_TRACKING_URI names another server, which keeps what it has"
    _require_alone(engine, places)
    with _moved(moves):
        if places.sqlite_file is None and engine is not None:
            _load_rows(staging.store, engine, aside)
    if places.cache_folder is None and staging.folders[CACHE].is_dir():
        try:
            _load_cache(settings, staging.folders[CACHE])
            parts.append(CACHE)
        except CacheError as error:
            # It is a mirror: everything else is in place, and it can be written again from the registry.
            skipped[CACHE] = f"{error}; start the product and run `rps sync`"
    return Restored(manifest, tuple(sorted(parts)), skipped, aside if aside.exists() else None)


@contextmanager
def _moved(moves: list[Relocation]) -> Iterator[None]:
    """Let everything change places; if one does not, or what follows fails, everything goes back."""
    done: list[tuple[Path, Path]] = []
    try:
        for move in moves:
            if move.target.exists():
                move.aside.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(move.target, move.aside)
                done.append((move.aside, move.target))
            move.target.parent.mkdir(parents=True, exist_ok=True)
            move.staged.rename(move.target)
            done.append((move.target, move.staged))
        yield
    except BaseException as error:
        for now_at, before in reversed(done):
            shutil.move(now_at, before)
        if isinstance(error, OSError):
            raise SnapshotError(f"nothing was restored: {error}") from error
        raise


def _load_rows(store: Path, engine: Engine, aside: Path) -> None:
    """Replace the rows of a database that is no file, in one transaction; what was there is saved before."""
    if row_counts(engine).get("games"):
        aside.mkdir(parents=True, exist_ok=True)
        save_store(engine, aside / "rps.db")
    migrate_to(engine, known_revisions()[-1])
    source = open_engine(f"sqlite:///{store}")
    try:
        copy_rows(source, engine, replace=True)
    finally:
        source.dispose()


def _load_cache(settings: Settings, staged: Path) -> None:
    """Mirror a staged cache into one that lives elsewhere, its index last."""
    index = ModelCache.open(f"file://{staged}").read_index()
    if index is None:
        raise CacheError(f"the snapshot's cache has no {INDEX_FILE}")

    def fetch(run_id: str) -> Mapping[str, bytes]:
        folder = staged / run_id / MODEL_FOLDER
        files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
        return {path.name: path.read_bytes() for path in files if path.stat().st_size <= MAX_MODEL_BYTES}

    cache = ModelCache.open(settings.storage.cache_url, settings.storage.cache_storage_options)
    cache.synchronise(index.entries, fetch, index.written_at)
