"""How many bytes each part of an installation takes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from rps_core.settings import Settings
from rps_core.store import open_engine


def disk_use(settings: Settings, environ: Mapping[str, str]) -> dict[str, int]:
    """Return the bytes of each part that is a local file or folder, and of the gameplay database on any server.

    Args:
        settings: say where the parts are.
        environ: DAGSTER_HOME is the folder of Dagster's runs, ticks, events and logs.
    """
    storage, data = settings.storage, settings.storage.data_path.absolute()
    folders = {"logs": data / "logs"}
    if (root := storage.data_folder) is not None:
        folders |= {"datasets": root / "datasets", "promotion evidence": root / "promotion"}
        folders["features"] = root / "datasets" / "features"
    if storage.cache_folder is not None:
        folders["model cache"] = storage.cache_folder
    if settings.services.mlflow_tracking_uri_override is None:
        folders["MLflow"] = data / "mlflow"
    if home := environ.get("DAGSTER_HOME"):
        folders["Dagster"] = Path(home)
    found = {"gameplay database": _database_bytes(storage.database_url)}
    found |= {name: sum(_sizes(folder)) for name, folder in folders.items() if folder.exists()}
    if "features" in found:
        found["datasets"] -= found["features"]  # type: ignore[operator]  # the size of a folder is never None
    return {name: size for name, size in found.items() if size is not None}


def _database_bytes(url: str) -> int | None:
    """Return the size of a database, or None if it cannot be read."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = Path(parsed.database or "")
        parts = (file, file.with_name(f"{file.name}-wal"))
        return sum(part.stat().st_size for part in parts if part.is_file())
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                yield path.stat().st_size
        except FileNotFoundError:
            # Another process deleted it in the meantime.
            continue
