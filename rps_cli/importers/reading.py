"""Opens the files that people have: CSV, JSON and Parquet, also packed with gzip."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars
import pyarrow

from rps_cli.importers.csv_table import open_csv
from rps_cli.importers.files import require_readable
from rps_cli.importers.json_table import open_json
from rps_cli.importers.parquet_table import open_parquet
from rps_cli.importers.tables import Table, encodings, require_bounds, start_of
from rps_core.errors import DataFileError

_REFUSED = {
    b"PK\x03\x04": "is a workbook or a zip archive; save the sheet as CSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "is a workbook; save the sheet as CSV",
    b"SQLite format 3": "is a database; use `rps import-original`, or export its rounds as CSV",
    b"ARROW1": "is a Feather file; write it as Parquet",
    b"BZh": "is compressed with bzip2; unpack it, or use gzip",
    b"\xfd7zXZ": "is compressed with xz; unpack it, or use gzip",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; unpack it, or use gzip",
}
# A panic of Polars is not a subclass of Exception; its message is for programmers.
_BROKEN = (polars.exceptions.PolarsError, polars.exceptions.PanicException, pyarrow.ArrowException, OSError)
_DAMAGED = (*_BROKEN, csv.Error, ValueError, OverflowError, RecursionError, EOFError, zlib.error)


@contextmanager
def open_table(path: Path, delimiter: str | None = None) -> Iterator[Table]:
    """Open a file; its content, not its name, selects the format. Temporary files disappear at the end.

    Raises:
        DataFileError: the file is missing, damaged, too large or of an unknown format; also while the table is read.
    """
    require_readable(path)
    try:
        with TemporaryDirectory(prefix="rps-import-") as folder:
            try:
                table = _opened(path, Path(folder), delimiter)
            except _DAMAGED as error:
                raise _unreadable(path, error) from error
            yield table
    except _BROKEN as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> DataFileError:
    kind = "Parquet" if path.suffix.lower() == ".parquet" else "a table"
    # Polars ends its long advice with the cause.
    cause = " ".join(str(error).split("Original error:")[-1].strip("` \n").split())
    return DataFileError(f"{path} cannot be read as {kind}: {cause[:200] or type(error).__name__}")


def _opened(path: Path, folder: Path, delimiter: str | None) -> Table:
    unpacked, packed = _unpacked(path, folder)
    start = _known_start(unpacked)
    if start.startswith(b"PAR1") or path.suffix.lower() == ".parquet":
        table = open_parquet(unpacked, folder)
    elif start.decode(encodings(start)[0], "ignore").lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        table = open_json(unpacked, folder)
    else:
        table = open_csv(unpacked, folder, delimiter)
    return table._replace(kind=f"{packed}{table.kind}")


def _unpacked(path: Path, folder: Path) -> tuple[Path, str]:
    """Return the path of the content, and how it was packed, for people."""
    if not _known_start(path).startswith(b"\x1f\x8b"):
        return path, ""
    target, size = folder / "unpacked", 0
    with gzip.open(path) as source, target.open("wb") as file:
        while piece := source.read(1 << 20):
            size += len(piece)
            require_bounds(size=size)
            file.write(piece)
    return target, "gzip, "


def _known_start(path: Path) -> bytes:
    start = start_of(path)
    for magic, sentence in _REFUSED.items():
        if start.startswith(magic):
            raise DataFileError(f"the file {sentence}")
    return start
