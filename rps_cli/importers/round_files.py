"""Writers for files of rounds, CSV or Parquet, a batch at a time."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rps_core.errors import DataFileError
from rps_core.store.round_columns import COLUMN_NAMES, import_pyarrow, parquet_schema

ROWS_PER_BATCH = 20_000
SUFFIXES = (".csv", ".parquet")


def require_suffix(path: Path) -> str:
    """Return .csv or .parquet.

    Raises:
        DataFileError: the name has another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataFileError(f"the format of {path} is unknown; use a name that ends with .csv or .parquet")
    return suffix


def write_csv(path: Path, batches: Iterable[Sequence[dict[str, Any]]]) -> None:
    """Write rows as CSV: times as ISO-8601, flags as true or false, null as an empty field."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMN_NAMES)
        for batch in batches:
            writer.writerows([[_csv_field(row[name]) for name in COLUMN_NAMES] for row in batch])


def _csv_field(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else value


def write_parquet(path: Path, batches: Iterable[Sequence[dict[str, Any]]]) -> None:
    """Write rows as Parquet, compressed with zstd.

    Raises:
        DataFileError: pyarrow is not installed.
    """
    import_pyarrow()
    import pyarrow
    import pyarrow.parquet

    schema = parquet_schema()
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(pyarrow.Table.from_pylist(list(batch), schema=schema))
