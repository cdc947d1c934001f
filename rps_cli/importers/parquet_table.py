"""Parquet with any types.

pyarrow reads it: damaged files make its reader raise, but can end the process in the one of Polars.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars
import pyarrow
from pyarrow import compute, parquet, types

from rps_cli.importers.tables import MAX_FIELD_CHARACTERS, ROWS_PER_BATCH, Table, require_bounds, staged
from rps_cli.importers.times import FAR_TIME


def open_parquet(path: Path, folder: Path) -> Table:
    """Open a Parquet file.

    Raises:
        DataFileError: it has too many rows, columns or bytes, or is not well-formed.
    """
    with parquet.ParquetFile(path) as file:
        fields, rows = list(file.schema_arrow), file.metadata.num_rows
        groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
        require_bounds(rows=rows, columns=len(fields), size=sum(group.total_byte_size for group in groups))
    names = [field.name for field in fields if _is_single(field.type)]
    if len(set(names)) < len(names):
        raise pyarrow.ArrowInvalid("two columns have the same name")
    unusable = {field.name: str(field.type)[:80] for field in fields if not _is_single(field.type)}
    texts = [field.name for field in fields if _is_text(field.type)]
    # A text that a small file repeats a million times is kept and shortened once, as an entry of a dictionary.
    with parquet.ParquetFile(path, read_dictionary=texts, coerce_int96_timestamp_unit="us") as file:
        frame = staged(_frames(file, names), folder, map(str, range(len(names))))
    return Table(names, frame, "Parquet", unusable=unusable)


def _frames(file: Any, names: list[str]) -> Iterator[polars.DataFrame]:
    for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=names) if names else ():
        batch.validate(full=True)
        yield polars.DataFrame([_plain_column(batch.column(at)).alias(str(at)) for at in range(len(names))])


def _is_text(kind: Any) -> bool:
    return str(kind).startswith(("string", "large_string", "binary", "large_binary", "fixed_size_binary"))


def _is_single(kind: Any) -> bool:
    if types.is_dictionary(kind):
        return _is_single(kind.value_type)
    return not types.is_nested(kind) and (kind == pyarrow.uuid() or not isinstance(kind, pyarrow.BaseExtensionType))


def _plain_column(column: Any) -> polars.Series:
    """Return a column as text that exceeds the limit by at most one character; times are UTC."""
    kind = column.type
    if types.is_dictionary(kind):
        return _plain_column(column.dictionary).gather(polars.Series(column.indices))
    if kind == pyarrow.uuid():
        return polars.Series(column.storage).bin.encode("hex")
    if _is_text(kind) or types.is_decimal(kind):
        texts = column.cast(pyarrow.large_string())
        return polars.Series(compute.utf8_slice_codeunits(texts, 0, MAX_FIELD_CHARACTERS + 1))
    if types.is_timestamp(kind) or types.is_date(kind):
        # A zone is only a name for people: the values are UTC.
        column = column.cast(pyarrow.timestamp("us"), safe=False)
    elif types.is_duration(kind) or types.is_time(kind):
        column = column.cast(pyarrow.int32() if kind.bit_width == 32 else pyarrow.int64())
    elif types.is_floating(kind):
        column = column.cast(pyarrow.float64())
    series = polars.Series(column)
    if series.dtype != polars.Datetime:
        return series.cast(polars.String)
    whole = series.to_physical()
    # Polars cannot write times far from ours.
    is_far = ~whole.is_between(0, 7_300_000_000_000_000)
    return series.set(is_far, None).cast(polars.String).set(is_far, FAR_TIME)
