"""The parts of a snapshot, and where this configuration keeps them."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import make_url

from rps_core.settings import Settings

GAMEPLAY, CACHE, MLFLOW = "gameplay", "model_cache", "mlflow"
# Folders in RPS_DATA_URL that the code location writes: training datasets, and the evidence behind promotions.
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
        datasets_root: the folder with FOLDERS in it; None if it is not a local folder.
    """

    data: Path
    sqlite_file: Path | None
    cache_folder: Path | None
    mlflow_folder: Path | None
    datasets_root: Path | None

    @property
    def folders(self) -> dict[str, Path]:
        """The parts that are local folders, by name."""
        found = {name: self.datasets_root / name for name in FOLDERS} if self.datasets_root is not None else {}
        if self.cache_folder is not None:
            found[CACHE] = self.cache_folder
        if self.mlflow_folder is not None:
            found[MLFLOW] = self.mlflow_folder
        return found


def places_of(settings: Settings) -> Places:
    """Return where this configuration keeps the parts."""
    data = settings.storage.data_path.absolute()
    url = make_url(settings.storage.database_url)
    return Places(
        data,
        Path(url.database or "").absolute() if url.get_backend_name() == "sqlite" else None,
        settings.storage.cache_folder,
        data / "mlflow" if settings.services.mlflow_tracking_uri_override is None else None,
        settings.storage.data_folder,
    )
