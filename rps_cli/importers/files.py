"""Checks of a path before a file is read or written."""

from pathlib import Path

from rps_core.errors import DataFileError

MAX_FILE_BYTES = 16 * 1024**3


def require_readable(path: Path) -> None:
    """Make sure that a path is a readable file of a usable size.

    Raises:
        DataFileError: the path is missing, a folder, empty, unreadable or too large.
    """
    try:
        if path.is_dir():
            raise DataFileError(f"{path} is a folder; name a file")
        if str(path) == "-" or (path.exists() and not path.is_file()):
            raise DataFileError(f"{path} is not a regular file; write its content to one first")
        if not path.is_file():
            raise DataFileError(f"the file {path} does not exist")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise DataFileError(f"{path} cannot be read: {error.strerror}") from error
    if size == 0:
        raise DataFileError(f"{path} is empty")
    if size > MAX_FILE_BYTES:
        raise DataFileError(f"{path} has {size:,} bytes; split it into files of at most {MAX_FILE_BYTES:,} bytes")


def require_writable(path: Path, *, overwrite: bool) -> None:
    """Make sure that a file can be written.

    Raises:
        DataFileError: the path is a folder, its folder is missing, or it exists and `overwrite` is False.
    """
    if path.is_dir():
        raise DataFileError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise DataFileError(f"the folder {path.parent} does not exist; create it first")
    if path.exists() and not overwrite:
        raise DataFileError(f"{path} exists already; choose another name, or replace it with --overwrite")
