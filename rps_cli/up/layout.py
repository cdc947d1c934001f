"""Paths of one set of processes: the data folder, a short folder for sockets, and Dagster's home."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rps_cli.stores import write_fault
from rps_core.errors import RpsError, SettingsError
from rps_core.settings import StorageSettings

PROJECT = Path(__file__).resolve().parents[2]
INSTANCE_FILE = "dagster.yaml"


class UpError(RpsError):
    """The processes cannot be started or kept alive."""


class Layout(NamedTuple):
    """Absolute paths of one set of processes.

    Attributes:
        data: the data folder.
        sockets: folder of the Unix sockets; short, because a socket path has at most 107 characters.
        dagster_home: folder of Dagster's instance.
    """

    data: Path
    sockets: Path
    dagster_home: Path

    @property
    def logs(self) -> Path:
        """Folder of the logs, one file for each process."""
        return self.data / "logs"

    @property
    def mlflow(self) -> Path:
        """Folder of MLflow's database and artifacts."""
        return self.data / "mlflow"

    @property
    def run(self) -> Path:
        """Folder of the files that `rps up` generates."""
        return self.data / "up"

    @property
    def lock_file(self) -> Path:
        """The lock that `rps up` holds while it runs on this data folder."""
        return self.run / "up.lock"

    @property
    def session_file(self) -> Path:
        """The record by which `rps down` and `rps status` find `rps up`."""
        return self.run / "session.json"

    @property
    def supervisord_config(self) -> Path:
        """The generated configuration of supervisord."""
        return self.run / "supervisord.conf"

    @property
    def workspace(self) -> Path:
        """The generated workspace that Dagster's UI and daemon read."""
        return self.run / "workspace.yaml"

    @property
    def supervisord_socket(self) -> Path:
        """Socket of supervisord."""
        return self.sockets / "supervisord.sock"

    @property
    def code_socket(self) -> Path:
        """Socket of the code server."""
        return self.sockets / "code.sock"

    def log_file(self, program: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{program}.log"


def plan_layout(storage: StorageSettings, environ: Mapping[str, str]) -> Layout:
    """Return the paths; nothing is created.

    Raises:
        SettingsError: DAGSTER_HOME is not an absolute path.
    """
    data = storage.data_path.absolute()
    home = Path(environ.get("DAGSTER_HOME") or PROJECT / "dagster_home")
    if not home.is_absolute():
        raise SettingsError(f"DAGSTER_HOME is {str(home)!r}; set it to an absolute path, or unset it")
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return Layout(data, Path(tempfile.gettempdir()) / f"rps-{os.getuid()}-{digest}", home)


def create_folders(layout: Layout) -> None:
    """Create the folders, and Dagster's instance file if its home has none.

    Raises:
        UpError: a folder cannot be created or is not writable.
    """
    for folder in (layout.data, layout.logs, layout.mlflow / "artifacts", layout.run, layout.dagster_home):
        _create_writable(folder)
    _create_private(layout.sockets)
    instance_file = layout.dagster_home / INSTANCE_FILE
    template = PROJECT / "dagster_home" / INSTANCE_FILE
    if instance_file.exists():
        return
    if not template.exists():
        raise UpError(f"{instance_file} is missing; copy it from dagster_home/ of the project")
    shutil.copyfile(template, instance_file)


def _create_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fault = write_fault(folder)
    except OSError as error:
        fault = error.strerror
    if fault:
        raise UpError(
            f"the folder {folder} is not writable ({fault}); change its permissions, or set DATA_PATH (DAGSTER_HOME "
            "for Dagster's files) to another folder"
        )


def _create_private(folder: Path) -> None:
    """Create a folder in the shared temporary folder, and make sure that it is ours."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or folder.is_symlink() or not folder.is_dir():
        raise UpError(f"{folder} belongs to another user; remove it, or set TMPDIR to one of your own folders")
    folder.chmod(0o700)
