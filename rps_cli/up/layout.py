"""Paths of one set of processes: the data folder, a short folder for sockets, and Dagster's home."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rps_cli.folders import write_fault
from rps_core.errors import RpsError, SettingsError
from rps_core.settings import StorageSettings

# Characters that every program understands in a URL, a configuration file and a socket's address.
_PLAIN = re.compile(r"[\w./@+,=:~-]+", re.ASCII)
# macOS allows 103 bytes for the path of a socket; supervisord appends its process id while it creates one.
MAX_SOCKET_BYTES = 92
PROJECT = Path(__file__).resolve().parents[2]
INSTANCE_FILE = "dagster.yaml"


class UpError(RpsError):
    """The processes cannot be started or kept alive."""


class Layout(NamedTuple):
    """Absolute paths of one set of processes.

    Attributes:
        data: the data folder.
        sockets: folder of the Unix sockets, and of links to folders whose names Dagster or MLflow would misread.
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

    @property
    def plain_mlflow(self) -> Path:
        """MLflow's folder, or a link to it, without characters that mean something in a URL."""
        return self.mlflow if _PLAIN.fullmatch(str(self.mlflow)) else self.sockets / "mlflow"

    @property
    def plain_dagster_home(self) -> Path:
        """Dagster's home, or a link to it, without characters that mean something in a URL."""
        return self.dagster_home if _PLAIN.fullmatch(str(self.dagster_home)) else self.sockets / "dagster_home"

    def log_file(self, program: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{program}.log"


def plan_layout(storage: StorageSettings, environ: Mapping[str, str]) -> Layout:
    """Return the paths; nothing is created.

    Raises:
        SettingsError: DAGSTER_HOME is not an absolute path, or no folder for sockets is short enough.
    """
    data = storage.data_path.absolute()
    home = Path(environ.get("DAGSTER_HOME", "").strip() or PROJECT / "dagster_home")
    if not home.is_absolute():
        raise SettingsError(f"DAGSTER_HOME is {str(home)!r}; set it to an absolute path, or unset it")
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    for folder in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # the folder in it is private
        layout = Layout(data, Path(folder) / f"rps-{os.getuid()}-{digest}", home)
        socket = str(layout.supervisord_socket)
        if _PLAIN.fullmatch(socket) and len(socket) <= MAX_SOCKET_BYTES and Path(folder).is_dir():
            return layout
    raise SettingsError(
        f"the folder for temporary files, {tempfile.gettempdir()}, is too long or contains a character that a socket's "
        "address cannot hold; set TMPDIR to a short path of letters and digits"
    )


def create_folders(layout: Layout) -> None:
    """Create the folders, and Dagster's instance file if its home has none.

    Raises:
        UpError: a folder cannot be created or is not writable.
    """
    for folder in (layout.data, layout.logs, layout.mlflow / "artifacts", layout.run, layout.dagster_home):
        _create_writable(folder)
    _create_private(layout.sockets)
    for link, folder in ((layout.plain_mlflow, layout.mlflow), (layout.plain_dagster_home, layout.dagster_home)):
        if link != folder:
            link.unlink(missing_ok=True)
            link.symlink_to(folder)
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
