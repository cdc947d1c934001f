"""What every file must be before it is opened, and where a new one may be written."""

from pathlib import Path

from rps_core.errors import DataFileError

MAX_FILE_BYTES = 16 * 1024**3


def require_readable(path: Path) -> None:
    """Refuse a path that is no readable file of a bearable size.

    Raises:
        DataFileError: it is missing, a folder, empty, not readable or too large.
    """
    try:
        if path.is_dir():
            raise DataFileError(f"{path} is a folder; name a file in it")
        if not path.is_file():
            raise DataFileError(f"there is no file {path}")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise DataFileError(f"{path} cannot be read: {error.strerror}") from error
    if size == 0:
        raise DataFileError(f"{path} is empty")
    if size > MAX_FILE_BYTES:
        raise DataFileError(f"{path} holds {size:,} bytes; files of more than {MAX_FILE_BYTES:,} are not read")


def require_writable(path: Path, *, overwrite: bool) -> None:
    """Refuse a path where no file can be written, or one that stands there already.

    Raises:
        DataFileError: it is a folder, its folder is missing, or it exists and `overwrite` is False.
    """
    if path.is_dir():
        raise DataFileError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise DataFileError(f"there is no folder {path.parent}")
    if path.exists() and not overwrite:
        raise DataFileError(f"{path} exists already; name another file or ask for it to be overwritten")
