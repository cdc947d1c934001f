"""Checks of a configuration before anything starts: what is wrong with it, and what to do.

The checks change nothing. A service that does not run is not a fault, so `rps doctor` can run at any time.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import httpx
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from rps_cli.clock import early_clock
from rps_cli.folders import write_fault
from rps_cli.network import (
    PROBE_SECONDS,
    Service,
    accepts_connections,
    fault_of,
    holder_folder,
    own_services,
    port_holder,
)
from rps_cli.operations.findings import Check, NotApplicable, NotAsExpected
from rps_cli.operations.parts import Places, places_of
from rps_cli.operations.registry import require_answer
from rps_cli.operations.schema import known_revisions, revision_of
from rps_cli.stores import gameplay_store
from rps_cli.up.layout import PROJECT
from rps_cli.up.programs import MARKER
from rps_core.addresses import public_address
from rps_core.cache import ModelCache
from rps_core.disk_use import disk_use
from rps_core.errors import SettingsError, StoreError
from rps_core.first_training import examples_needed, first_training_fault
from rps_core.game.families import SLOTS
from rps_core.http_clients import http_client
from rps_core.proxies import is_loopback
from rps_core.registry_server import RegistryFault
from rps_core.settings import ServiceSettings, Settings, StorageSettings
from rps_core.store.addresses import public_database

# Holds a month of games and twelve models with their history. With less, a training may fail halfway.
MIN_FREE_BYTES = 1_000_000_000
# S3 refuses signatures that are fifteen minutes off. Rounds are stored in the wrong order long before that.
MAX_CLOCK_SKEW_SECONDS = 60.0
MIN_TOKEN_CHARACTERS = 16


def doctor_checks(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, Check]]:
    """Return the checks, in the order in which they build on each other."""
    storage, services = settings.storage, settings.services
    places = places_of(settings)
    yield "folders", lambda: _check_folders(storage, places, environ)
    yield "free disk", lambda: _check_free_disk(places)
    yield "disk use", lambda: _check_disk_use(settings, environ)
    yield "token", lambda: _check_token(settings)
    yield "gameplay database", lambda: _check_database(storage, places)
    yield "model cache", lambda: _check_cache(storage)
    yield "first training", lambda: _check_first_training(settings)
    for service in own_services(services):
        yield f"port of {service.name}", partial(_check_port, services.reachable_host, service, places.data)
    api, dagster = f"{services.api_base_url}/healthz", f"{services.dagster_base_url}/server_info"
    yield "API", partial(_check_answer, "the API", api, services.api_base_override, "API_BASE")
    yield "Dagster", partial(_check_answer, "Dagster", dagster, services.dagster_url_override, "RPS_DAGSTER_URL")
    yield "MLflow", lambda: _check_mlflow(services)
    yield "clock", lambda: _check_clock(settings, places)


def _check_folders(storage: StorageSettings, places: Places, environ: Mapping[str, str]) -> str:
    folders = {places.data, *places.folders.values()}
    if find_spec("supervisor"):
        from rps_cli.up.layout import plan_layout

        try:
            folders.add(plan_layout(storage, environ).dagster_home)
        except SettingsError as error:
            raise NotAsExpected(str(error), "`rps up` needs it") from error
    folders |= {places.sqlite_file.parent} if places.sqlite_file else set()
    for folder in sorted(folders):
        if fault := _folder_fault(folder):
            raise NotAsExpected(
                f"{folder} is not writable: {fault}",
                f"give user {os.getuid()} write permission, or set DATA_PATH to another folder",
            )
    return f"{places.data} and the other folders are writable"


def _folder_fault(folder: Path) -> str | None:
    try:
        folder.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        return error.strerror
    return write_fault(_nearest_existing(folder))


def _nearest_existing(folder: Path) -> Path:
    # A link to a folder that is missing exists: nothing can be created below it.
    return next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))


def _check_free_disk(places: Places) -> str:
    disk = _nearest_existing(places.data)
    free = shutil.disk_usage(disk).free
    if free < MIN_FREE_BYTES:
        raise NotAsExpected(f"{free / 1e9:.1f} GB free at {disk}", "free at least 1 GB, or move DATA_PATH")
    return f"{free / 1e9:,.1f} GB free at {disk}"


def _check_disk_use(settings: Settings, environ: Mapping[str, str]) -> str:
    home = environ.get("DAGSTER_HOME") or str(PROJECT / "dagster_home")
    used = disk_use(settings, {"DAGSTER_HOME": home})
    return ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in used.items())


def _check_token(settings: Settings) -> str:
    token, host = settings.http.api_token, settings.services.host
    if token is not None:
        if len(token.get_secret_value()) < MIN_TOKEN_CHARACTERS:
            raise NotAsExpected(
                f"RPS_API_TOKEN has fewer than {MIN_TOKEN_CHARACTERS} characters", "create one: `openssl rand -hex 32`"
            )
        return "RPS_API_TOKEN is set"
    if is_loopback(host):
        return "not set; operator endpoints answer only this machine"
    raise NotAsExpected(
        f"RPS_HOST is {host} and RPS_API_TOKEN is not set, so operator endpoints refuse other machines",
        "set RPS_API_TOKEN to a long random text, the same for the API, the code location and the command line",
    )


def _check_database(storage: StorageSettings, places: Places) -> str:
    if places.sqlite_file is not None and not places.sqlite_file.exists():
        raise NotApplicable(f"{places.sqlite_file} does not exist yet; the first start creates it")
    with gameplay_store(storage) as engine:
        where = public_database(engine.url)
        try:
            revision = revision_of(engine)
        except StoreError as error:
            raise NotAsExpected(*str(error).rsplit("; ", 1)) from error
    newest = known_revisions()[-1]
    if revision is None:
        raise NotApplicable(f"{where} has no tables yet; the first start or `rps migrate` creates them")
    if revision not in known_revisions():
        raise NotAsExpected(f"{where} is at revision {revision}, newer than this release", "use the newer release")
    if revision != newest:
        raise NotAsExpected(
            f"{where} is at revision {revision}, not {newest}", "run `rps snapshot`, then `rps migrate`"
        )
    return f"{where} at revision {revision}, the newest"


def _check_cache(storage: StorageSettings) -> str:
    cache = ModelCache.of(storage)
    try:
        index = cache.read_index()
    except Exception as error:
        remedy = "check MINIO_ENDPOINT, the keys and that the bucket exists" if storage.minio_selected else "`rps sync`"
        raise NotAsExpected(str(error), remedy) from error
    if index is None:
        raise NotApplicable(f"{cache} is readable but empty; the first training or `rps sync` fills it")
    if len(index.entries) < len(SLOTS):
        raise NotAsExpected(
            f"{cache} fills {len(index.entries)} of {len(SLOTS)} slots", "run `rps train`, then `rps sync`"
        )
    return f"{cache}: {len(index.entries)} slots, written {index.written_at:%F %T} UTC"


def _check_first_training(settings: Settings) -> str:
    games = settings.operations.bootstrap_games
    try:
        _check_cache(settings.storage)
    except NotApplicable:
        if games == 0:
            raise NotApplicable("RPS_BOOTSTRAP_GAMES is 0, so people play the games for the first training") from None
        if fault := first_training_fault(games, 0, settings.training):
            raise NotAsExpected(*fault) from None
        return f"{games} scripted games suffice for the {examples_needed(settings.training)} examples that it needs"
    except NotAsExpected:
        raise NotApplicable("the model cache cannot be read, or is incomplete") from None
    return "models are trained"


def _check_port(host: str, service: Service, data: Path) -> str:
    if not accepts_connections(host, service.port):
        return f"{service.port} is free"
    if fault_of(f"http://{host}:{service.port}{service.health_path}") is None:
        other = holder_folder(service.port, (MARKER, "DATA_PATH"))
        if other is not None and other != data.resolve():
            raise NotAsExpected(
                f"{service.port} is in use by {service.name} of the product in {other}, not of {data}",
                f"stop it with DATA_PATH={other} rps down, or set {service.setting} to another port",
            )
        return f"{service.name} uses {service.port}"
    raise NotAsExpected(
        f"{service.port} is in use by {port_holder(service.port) or 'another process'}",
        f"stop it, or set {service.setting} to another port",
    )


def _check_answer(name: str, url: str, override: str | None, setting: str) -> str:
    address, fault = public_address(url.rpartition("/")[0]), fault_of(url)
    if fault is None:
        return f"{address} answers"
    if override is None:
        raise NotApplicable(f"nothing answers at {address}; start it with `rps up`")
    raise NotAsExpected(f"{name} does not answer at {address} ({fault})", f"check that {setting} is its address")


def _check_mlflow(services: ServiceSettings) -> str:
    try:
        return require_answer(services)
    except RegistryFault as error:
        if services.mlflow_tracking_uri_override is None:
            raise NotApplicable(f"nothing answers at {services.mlflow_tracking_uri}; start it with `rps up`") from error
        raise NotAsExpected(str(error), "start MLflow, or correct MLFLOW_TRACKING_URI") from error


def _check_clock(settings: Settings, places: Places) -> str:
    if fault := early_clock(settings, datetime.now(UTC)):
        raise NotAsExpected(fault, "set the clock, or set that variable to an earlier time")
    storage = settings.storage
    skews: list[tuple[str, float]] = []
    if places.sqlite_file is None or places.sqlite_file.exists():
        with gameplay_store(storage) as engine:
            skews += _store_skews(engine)
    if storage.minio_selected and storage.minio_endpoint:
        skews += _s3_skew(storage.minio_endpoint)
    for name, seconds in skews:
        if seconds > MAX_CLOCK_SKEW_SECONDS:
            raise NotAsExpected(
                f"{name} is {seconds:.0f} s ahead of this machine", "synchronise both clocks with a time server"
            )
    if not skews:
        raise NotApplicable("there is no other clock to compare with yet")
    return f"agrees with {' and '.join(name for name, _ in skews)}"


def _store_skews(engine: Engine) -> list[tuple[str, float]]:
    now = datetime.now(UTC)
    try:
        with engine.connect() as connection:
            newest = connection.scalar(text("SELECT max(ts) FROM events"))
            found = [] if newest is None else [("the newest round", _ahead(datetime.fromisoformat(newest), now))]
            if engine.dialect.name == "postgresql":
                found.append(("PostgreSQL", abs(_ahead(connection.scalar(text("SELECT now()")) or now, now))))
            return found
    except (SQLAlchemyError, ValueError):
        # The check of the database reports the cause.
        return []


def _s3_skew(endpoint: str) -> list[tuple[str, float]]:
    try:
        with http_client(endpoint, timeout=PROBE_SECONDS) as client:
            date = client.head(endpoint).headers.get("date")
        return [("the S3 server", abs(_ahead(parsedate_to_datetime(date), datetime.now(UTC))))] if date else []
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError):
        return []


def _ahead(moment: datetime, now: datetime) -> float:
    return (moment - now).total_seconds()
