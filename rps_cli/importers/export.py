"""`export-rounds`: writes all rounds of the store to a file that `import-rounds` can read without loss."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row
from sqlalchemy.exc import DBAPIError

from rps_cli.importers.files import require_writable
from rps_cli.importers.round_files import ROWS_PER_BATCH, require_suffix, write_csv, write_parquet
from rps_core.errors import DataFileError, StoreError
from rps_core.store.analytics.listing import select_exported_rounds
from rps_core.store.round_columns import ROUND_FILE_COLUMNS, import_pyarrow
from rps_core.store.schema import events, games


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
    suffix = require_suffix(path)
    require_writable(path, overwrite=overwrite)
    if suffix == ".parquet":
        import_pyarrow()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    written = _Counted(_batches(engine))
    try:
        (write_parquet if suffix == ".parquet" else write_csv)(partial, written)
        partial.replace(path)
    except OSError as error:
        raise DataFileError(f"{path} cannot be written: {error.strerror}") from error
    except DBAPIError as error:
        raise StoreError(f"the gameplay database cannot be read: {error.orig}") from error
    finally:
        partial.unlink(missing_ok=True)
    return written.rows


class _Counted:
    """Batches of rows that count themselves while they are read."""

    def __init__(self, batches: Iterator[Sequence[dict[str, Any]]]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[Sequence[dict[str, Any]]]:
        for batch in self._batches:
            self.rows += len(batch)
            yield batch


def _batches(engine: Engine) -> Iterator[Sequence[dict[str, Any]]]:
    query = select_exported_rounds().order_by(games.c.created_ts_utc, games.c.id, events.c.step_no)
    with engine.connect().execution_options(yield_per=ROWS_PER_BATCH) as connection:
        for partition in connection.execute(query).partitions():
            yield [_file_row(row) for row in partition]


def _file_row(row: Row[Any]) -> dict[str, Any]:
    """Return the columns of a file, with flags as booleans."""
    values = dict(row._mapping)
    values["round"] = values["round_no"]
    return {
        column.name: bool(values[column.name]) if column.kind == "flag" else values[column.name]
        for column in ROUND_FILE_COLUMNS
    }
