"""Parquet with any types, read by pyarrow, which withstands hostile files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rps_cli.importers.tables import (
    MAX_FIELD_CHARACTERS,
    ROWS_PER_BATCH,
    Table,
    require_bytes,
    require_columns,
    require_rows,
)

if TYPE_CHECKING:
    import polars


def open_parquet(path: Path, folder: Path) -> Table:
    """Open a Parquet file.

    Raises:
        DataFileError: it has too many rows, columns or bytes, or is not well-formed.
    """
    import polars
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
        require_bytes(sum(group.total_byte_size for group in groups))
        require_rows(file.metadata.num_rows)
        fields = [file.schema_arrow.field(at) for at in range(len(file.schema_arrow.names))]
    require_columns(len(fields))
    names = [field.name for field in fields if _is_single(field.type)]
    unusable = {field.name: str(field.type)[:80] for field in fields if not _is_single(field.type)}
    texts = [field.name for field in fields if _is_text(field.type)]
    count = size = 0
    parts = [polars.LazyFrame(schema={"row": polars.Int64, **{str(at): polars.String for at in range(len(names))}})]
    # A text that a small file repeats a million times is kept and shortened once, as an entry of a dictionary.
    with parquet.ParquetFile(path, read_dictionary=texts, coerce_int96_timestamp_unit="us") as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=names) if names else ():
            batch.validate(full=True)
            columns = [_plain_column(batch.column(at)).alias(str(at)) for at in range(len(names))]
            frame = polars.DataFrame(columns).with_row_index("row", count + 1).cast({"row": polars.Int64})
            count, size = count + len(frame), size + int(frame.estimated_size())
            require_rows(count)
            require_bytes(size)
            frame.write_ipc(folder / f"{count:012}.arrow", compression="lz4")
            parts.append(polars.scan_ipc(folder / f"{count:012}.arrow"))
    if len(set(names)) < len(names):
        raise pyarrow.ArrowInvalid("two columns have the same name")
    return Table(names, polars.concat(parts), "Parquet", unusable=unusable)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    matches = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_string_view)
    return any(is_kind(kind) for is_kind in (*matches, types.is_binary_view, types.is_fixed_size_binary))


def _is_single(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_single(kind.value_type)
    simple = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_temporal, types.is_null)
    return _is_text(kind) or any(matches(kind) for matches in simple)


def _plain_column(column: Any) -> "polars.Series":
    """Return a column as text that exceeds the limit by at most one character; times are UTC."""
    import polars
    import pyarrow
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        if not _is_text(column.type.value_type):
            return _plain_column(column.dictionary_decode())
        short = compute.utf8_slice_codeunits(
            column.dictionary.cast(pyarrow.large_string()), 0, MAX_FIELD_CHARACTERS + 1
        )
        return polars.Series(pyarrow.DictionaryArray.from_arrays(column.indices, short).dictionary_decode())
    if _is_text(column.type):
        return polars.Series(
            compute.utf8_slice_codeunits(column.cast(pyarrow.large_string()), 0, MAX_FIELD_CHARACTERS + 1)
        )
    if types.is_timestamp(column.type) or types.is_date(column.type):
        # A zone is only a name for people: the values are UTC.
        column = column.cast(pyarrow.timestamp("us"), safe=False)
    elif types.is_duration(column.type) or types.is_time(column.type):
        column = column.cast(pyarrow.int32() if column.type.bit_width == 32 else pyarrow.int64())
    elif types.is_floating(column.type):
        column = column.cast(pyarrow.float64())
    series = polars.Series(column)
    if series.dtype == polars.Datetime:
        whole = series.to_physical()
        # Polars cannot write times far from ours.
        near = series.set(~whole.is_between(0, 7_300_000_000_000_000), None).cast(polars.String)
        return near.fill_null(whole.cast(polars.String))
    return series.cast(polars.String)
