"""Whether this configuration can work here: what is wrong, and what to do.

Looks and changes nothing. What does not run is no fault before the first start, so that this may be asked at any time.
"""

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from rps_cli.operations.findings import Look, NotApplicable, NotAsExpected
from rps_cli.operations.parts import Places, places_of
from rps_cli.operations.registry import RegistryFault, answering, shown
from rps_cli.operations.schema import known_revisions, revision_of
from rps_cli.up.programs import reachable
from rps_core.cache import ModelCache
from rps_core.errors import StoreError
from rps_core.game.families import SLOTS
from rps_core.settings import Settings
from rps_core.store import open_engine

# A month of games, twelve models and their history fit; less ends in the middle of a training.
FREE_BYTES = 1_000_000_000
# S3 refuses signatures that are fifteen minutes off; rounds would stand in a wrong order long before.
CLOCK_SECONDS = 60.0
PROBE_SECONDS = 5.0


def doctor_steps(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, Look]]:
    """Return what to look at, in the order in which things build on each other."""
    places = places_of(settings)
    yield "folders", lambda: _folders(places, environ)
    yield "free disk", lambda: _free_disk(places)
    yield "token", lambda: _token(settings)
    yield "gameplay database", lambda: _database(settings, places)
    yield "model cache", lambda: _cache(settings)
    for service in _services(settings):
        yield f"port of {service.name}", partial(_port, settings.services.host, service)
    yield (
        "API",
        partial(
            _answers,
            "the API",
            settings.services.api_base_url,
            "/healthz",
            settings.services.api_base_override,
            "API_BASE",
        ),
    )
    dagster, named = settings.services.dagster_base_url, settings.services.dagster_url_override
    yield "Dagster", partial(_answers, "Dagster", dagster, "/server_info", named, "RPS_DAGSTER_URL")
    yield "MLflow", lambda: _mlflow(settings)
    yield "clock", lambda: _clock(settings, places)


class Service(NamedTuple):
    """What `rps up` starts: its port, the setting that moves it, and the path by which it is told from others."""

    name: str
    port: int
    setting: str
    path: str


def _services(settings: Settings) -> list[Service]:
    found = [
        Service("the API", settings.services.api_port, "RPS_API_PORT", "/healthz"),
        Service("Dagster", settings.services.dagster_port, "RPS_DAGSTER_PORT", "/server_info"),
    ]
    if settings.services.mlflow_tracking_uri_override is None:
        found.append(Service("MLflow", settings.services.mlflow_port, "RPS_MLFLOW_PORT", "/health"))
    return found


def _folders(places: Places, environ: Mapping[str, str]) -> str:
    home = environ.get("DAGSTER_HOME")
    if home and not Path(home).is_absolute():
        raise NotAsExpected(f"DAGSTER_HOME is {home!r}", "name an absolute path: Dagster refuses another one")
    folders = {places.data, *places.folders.values(), *([Path(home)] if home else [])}
    folders |= {places.sqlite_file.parent} if places.sqlite_file else set()
    for folder in sorted(folders):
        _require_writable(folder)
    return f"{places.data} and what belongs to it can be written"


def _require_writable(folder: Path) -> None:
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise NotAsExpected(
            f"{folder} cannot be written: {error.strerror or error}",
            f"give user {os.getuid()} the right to write there, or set DATA_PATH to another folder",
        ) from error


def _free_disk(places: Places) -> str:
    nearest = places.data
    while not nearest.exists():
        nearest = nearest.parent
    free = shutil.disk_usage(nearest).free
    if free < FREE_BYTES:
        raise NotAsExpected(f"{free / 1e9:.1f} GB left at {nearest}", "make room: at least 1 GB, or move DATA_PATH")
    return f"{free / 1e9:,.1f} GB left at {nearest}"


def _token(settings: Settings) -> str:
    if settings.http.api_token is not None:
        weak = len(settings.http.api_token.get_secret_value()) < 16
        if weak:
            raise NotAsExpected("RPS_API_TOKEN has less than 16 characters", "`openssl rand -hex 32` makes a good one")
        return "RPS_API_TOKEN is set"
    if _is_loopback(settings.services.host):
        return "not set; operator endpoints answer this machine alone"
    raise NotAsExpected(
        f"RPS_HOST is {settings.services.host} and RPS_API_TOKEN is not set, so that operator endpoints "
        "refuse everybody else",
        "set RPS_API_TOKEN to a long random text, for API, code location and command line alike",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _database(settings: Settings, places: Places) -> str:
    if places.sqlite_file is not None and not places.sqlite_file.exists():
        raise NotApplicable(f"{places.sqlite_file} does not exist yet; the first start creates it")
    engine = open_engine(settings.storage.database_url, sqlite_synchronous=settings.storage.sqlite_synchronous)
    try:
        held, newest = revision_of(engine), known_revisions()[-1]
        where = engine.url.render_as_string()
    except StoreError as error:
        raise NotAsExpected(str(error), "is RPS_DATABASE_URL right, and does the server run?") from error
    finally:
        engine.dispose()
    if held is None:
        raise NotApplicable(f"{where} holds no tables yet; the first start creates them, or `rps migrate`")
    if held not in known_revisions():
        raise NotAsExpected(f"{where} is at revision {held}, newer than this release", "use the newer release")
    if held != newest:
        raise NotAsExpected(f"{where} is at revision {held}, not {newest}", "`rps snapshot`, then `rps migrate`")
    return f"{where} at revision {held}, the newest"


def _cache(settings: Settings) -> str:
    cache = ModelCache.open(settings.storage.cache_url, settings.storage.cache_storage_options)
    try:
        index = cache.read_index()
    except Exception as error:
        todo = (
            "is MINIO_ENDPOINT right, do the keys fit, does the bucket exist?"
            if settings.storage.minio_selected
            else "`rps sync`"
        )
        raise NotAsExpected(str(error), todo) from error
    if index is None:
        raise NotApplicable(f"{cache} can be read and is empty; the first training fills it, or `rps sync`")
    if len(index.entries) < len(SLOTS):
        raise NotAsExpected(f"{cache} fills {len(index.entries)} of {len(SLOTS)} slots", "`rps train`, then `rps sync`")
    return f"{cache}: {len(index.entries)} slots, written {index.written_at:%F %T} UTC"


def _port(host: str, service: Service) -> str:
    where = reachable(host)
    try:
        socket.create_connection((where.strip("[]"), service.port), timeout=1.0).close()
    except OSError:
        return f"{service.port} is free"
    try:
        ours = httpx.get(f"http://{where}:{service.port}{service.path}", timeout=PROBE_SECONDS).is_success
    except httpx.HTTPError:
        ours = False
    if ours:
        return f"{service.port} is held by {service.name}"
    raise NotAsExpected(
        f"{service.port} is held by {_holder(service.port)}", f"free it, or set {service.setting} to another port"
    )


def _holder(port: int) -> str:
    try:
        from rps_cli.up.checks import port_holder
    except ModuleNotFoundError:
        # Only the extra of `rps up` can tell.
        return "another process"
    return port_holder(port) or "another process"


def _answers(name: str, base_url: str, path: str, named: str | None, setting: str) -> str:
    try:
        status = httpx.get(f"{base_url}{path}", timeout=PROBE_SECONDS).status_code
        fault = None if status < httpx.codes.BAD_REQUEST else f"it answered {status}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fault = type(error).__name__
    if fault is None:
        return f"{shown(base_url)} answers"
    if named is None:
        raise NotApplicable(f"nothing answers at {shown(base_url)}; `rps up` starts it")
    raise NotAsExpected(f"{name} at {shown(base_url)} gave no good answer ({fault})", f"is {setting} its address?")


def _mlflow(settings: Settings) -> str:
    try:
        return answering(settings.services.mlflow_tracking_uri)
    except RegistryFault as error:
        if settings.services.mlflow_tracking_uri_override is None:
            raise NotApplicable(
                f"nothing answers at {shown(settings.services.mlflow_tracking_uri)}; `rps up` starts it"
            ) from error
        raise NotAsExpected(str(error), "start it, or correct MLFLOW_TRACKING_URI") from error


def _clock(settings: Settings, places: Places) -> str:
    compared = []
    if places.sqlite_file is None or places.sqlite_file.exists():
        engine = open_engine(settings.storage.database_url, sqlite_synchronous=settings.storage.sqlite_synchronous)
        try:
            compared += _store_clocks(engine)
        finally:
            engine.dispose()
    if settings.storage.minio_selected and settings.storage.minio_endpoint:
        compared += _date_of(settings.storage.minio_endpoint)
    for name, off in compared:
        if off > CLOCK_SECONDS:
            raise NotAsExpected(f"{name} is {off:.0f} s ahead of this machine", "let both follow the same time server")
    if not compared:
        raise NotApplicable("there is nothing yet to compare with")
    return f"agrees with {' and '.join(name for name, _ in compared)}"


def _store_clocks(engine: Engine) -> list[tuple[str, float]]:
    now = datetime.now(UTC)
    try:
        with engine.connect() as connection:
            newest = connection.scalar(text("SELECT max(ts) FROM events"))
            found = [] if newest is None else [("the newest round", _ahead(datetime.fromisoformat(newest), now))]
            if engine.dialect.name == "postgresql":
                found.append(("PostgreSQL", abs(_ahead(connection.scalar(text("SELECT now()")) or now, now))))
            return found
    except (SQLAlchemyError, ValueError):
        # The look at the database tells.
        return []


def _date_of(endpoint: str) -> list[tuple[str, float]]:
    try:
        told = httpx.head(endpoint, timeout=PROBE_SECONDS).headers.get("date")
        return [("the S3 server", abs(_ahead(parsedate_to_datetime(told), datetime.now(UTC))))] if told else []
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError):
        return []


def _ahead(moment: datetime, now: datetime) -> float:
    return (moment - now).total_seconds()
