"""`export-rounds`: writes all rounds of the store to a file that `import-rounds` can read without loss."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row
from sqlalchemy.exc import DBAPIError

from rps_cli.importers.files import require_writable
from rps_core.errors import DataFileError, StoreError
from rps_core.store.analytics.listing import select_exported_rounds
from rps_core.store.round_columns import COLUMN_NAMES, ROUND_FILE_COLUMNS
from rps_core.store.round_encoding import csv_pieces, parquet_pieces
from rps_core.store.schema import events, games

ROWS_PER_BATCH = 20_000
_FORMATS = {".csv": csv_pieces, ".parquet": parquet_pieces}


def export_rounds(engine: Engine, path: Path, *, overwrite: bool = False) -> int:
    """Write all rounds, ordered by the creation of their games, and return their number.

    The file appears only when it is complete.

    Args:
        engine: the gameplay store, migrated.
        path: file to write; its suffix .csv or .parquet selects the format.
        overwrite: replace an existing file.

    Raises:
        DataFileError: the file cannot be written, or pyarrow is not installed.
        StoreError: the gameplay database cannot be read.
    """
    encode = _FORMATS.get(path.suffix.lower())
    if encode is None:
        raise DataFileError(f"the format of {path} is unknown; use a name that ends with .csv or .parquet")
    require_writable(path, overwrite=overwrite)
    rows = 0

    def portions() -> Iterator[list[dict[str, Any]]]:
        nonlocal rows
        query = select_exported_rounds().order_by(games.c.created_ts_utc, games.c.id, events.c.step_no)
        with engine.connect().execution_options(yield_per=ROWS_PER_BATCH) as connection:
            for partition in connection.execute(query).partitions():
                rows += len(partition)
                yield [_file_row(row) for row in partition]

    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.writelines(encode(COLUMN_NAMES, portions()))
        partial.replace(path)
    except OSError as error:
        raise DataFileError(f"{path} cannot be written: {error.strerror}") from error
    except DBAPIError as error:
        raise StoreError(f"the gameplay database cannot be read: {error.orig}") from error
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _file_row(row: Row[Any]) -> dict[str, Any]:
    """Return the columns of a file, with flags as booleans."""
    values = {**row._mapping, "round": row.round_no}
    flags = {column.name: bool(values[column.name]) for column in ROUND_FILE_COLUMNS if column.kind == "flag"}
    return values | flags
