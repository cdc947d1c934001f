"""The parts of a snapshot, and where this configuration keeps them."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import make_url

from rps_core.settings import Settings

GAMEPLAY, CACHE, MLFLOW = "gameplay", "model_cache", "mlflow"
# Folders in DATA_PATH that the code location writes: training datasets, and the evidence behind promotions.
FOLDERS = ("datasets", "promotion")
STORE_MEMBER = f"{GAMEPLAY}/rps.db"
MLFLOW_DATABASE = "mlflow.db"


class Places(NamedTuple):
    """Locations of the parts.

    Attributes:
        data: the data folder.
        sqlite_file: the gameplay store; None if it is not a file.
        cache_folder: the model cache; None if it is not a local folder.
        mlflow_folder: MLflow's database and artifacts; None if MLflow is another server.
        keeps_datasets: whether the data folder holds the training datasets, rather than an object store.
    """

    data: Path
    sqlite_file: Path | None
    cache_folder: Path | None
    mlflow_folder: Path | None
    keeps_datasets: bool

    @property
    def folders(self) -> dict[str, Path]:
        """The parts that are local folders, by name."""
        found = {name: self.data / name for name in FOLDERS} if self.keeps_datasets else {}
        if self.cache_folder is not None:
            found[CACHE] = self.cache_folder
        if self.mlflow_folder is not None:
            found[MLFLOW] = self.mlflow_folder
        return found


def places_of(settings: Settings) -> Places:
    """Return where this configuration keeps the parts."""
    data = settings.storage.data_path.absolute()
    url = make_url(settings.storage.database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    local_cache = settings.storage.cache_url.startswith("file://")
    return Places(
        data,
        Path(url.database or "").absolute() if is_file else None,
        Path(settings.storage.cache_url.removeprefix("file://")) if local_cache else None,
        data / "mlflow" if settings.services.mlflow_tracking_uri_override is None else None,
        settings.storage.data_url.startswith("file://"),
    )
