"""Readers and writers for files of rounds, CSV or Parquet, a batch at a time."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from rps_cli.importers.columns import ColumnMap, map_columns
from rps_cli.importers.files import require_readable
from rps_core.errors import DataFileError
from rps_core.store.round_columns import COLUMN_NAMES, import_pyarrow, parquet_schema

MAX_ROWS = 20_000_000
MAX_COLUMNS = 200
MAX_FIELD_CHARACTERS = 1_000
MAX_LINE_CHARACTERS = 65_536
# Limit of the unpacked size: a megabyte of Parquet can expand to gigabytes.
MAX_UNPACKED_BYTES = 32 * 1024**3
ROWS_PER_BATCH = 20_000
SUFFIXES = (".csv", ".parquet")


class FileRow(NamedTuple):
    """A row by our column names; `problem` says why it is unusable."""

    number: int
    values: dict[str, Any]
    problem: str | None = None


Rows: TypeAlias = Iterator[FileRow]


def require_suffix(path: Path) -> str:
    """Return .csv or .parquet.

    Raises:
        DataFileError: the name has another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataFileError(f"the format of {path} is unknown; use a name that ends with .csv or .parquet")
    return suffix


@contextmanager
def open_rounds(path: Path) -> Iterator[tuple[ColumnMap, Rows]]:
    """Open a file of rounds and match its columns; rows are read while they are iterated.

    The first row after the header of a CSV file is number 2, the first row of a Parquet file number 1.

    Raises:
        DataFileError: the file is missing, damaged, too large, of an unknown format, or lacks a required column; also
            while rows are read.
    """
    require_readable(path)
    suffix = require_suffix(path)
    if suffix == ".parquet":
        with _open_parquet(path) as opened:
            yield opened
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_bounded_lines(file, path), strict=True)
            columns = map_columns(next(reader, [])[:MAX_COLUMNS])
            yield columns, _csv_rows(reader, columns)
    except UnicodeDecodeError as error:
        raise DataFileError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from error
    except csv.Error as error:
        raise DataFileError(f"{path} is not well-formed CSV near line {reader.line_num}: {error}") from error


def _bounded_lines(file: IO[str], path: Path) -> Iterator[str]:
    while line := file.readline(MAX_LINE_CHARACTERS + 1):
        if len(line) > MAX_LINE_CHARACTERS:
            raise DataFileError(
                f"{path} has a line of more than {MAX_LINE_CHARACTERS:,} characters; it is probably not CSV"
            )
        if "\0" in line:
            raise DataFileError(f"{path} contains NUL characters, so it is not CSV")
        yield line


def _csv_rows(reader: Iterator[list[str]], columns: ColumnMap) -> Rows:
    width = len(columns.positions) + len(columns.ignored)
    for number, fields in enumerate(reader, start=2):
        _require_row_limit(number)
        if not fields:
            continue
        values = {name: fields[at] for name, at in columns.positions.items() if at < len(fields)}
        problem = None if len(fields) == width else f"{len(fields)} fields where the header has {width}"
        yield _checked(number, values, problem)


@contextmanager
def _open_parquet(path: Path) -> Iterator[tuple[ColumnMap, Rows]]:
    import_pyarrow()
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _require_usable_size(file.metadata, path)
            schema = file.schema_arrow
            columns = map_columns(schema.names)
            _require_single_values([schema.field(at) for at in columns.positions.values()], path)
            wanted = [schema.names[at] for at in columns.positions.values()]
            texts = [schema.names[at] for at in columns.positions.values() if _is_text(schema.field(at).type)]
        # Text that a small file repeats a million times is then kept and shortened once, as a dictionary entry.
        with pyarrow.parquet.ParquetFile(path, read_dictionary=texts) as file:
            yield columns, _parquet_rows(file, dict(zip(wanted, columns.positions, strict=True)))
    except (pyarrow.ArrowException, OSError, OverflowError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path} cannot be read as Parquet: {str(error)[:200]}") from error


def _require_usable_size(metadata: Any, path: Path) -> None:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    unpacked = sum(group.total_byte_size for group in groups)
    if unpacked > MAX_UNPACKED_BYTES:
        raise DataFileError(
            f"{path} unpacks to {unpacked:,} bytes; split it into files of at most {MAX_UNPACKED_BYTES:,}"
        )
    _require_row_limit(metadata.num_rows)


def _require_single_values(fields: Sequence[Any], path: Path) -> None:
    for field in fields:
        if not _is_single(field.type):
            raise DataFileError(
                f"{path} cannot be used: the column {field.name} holds {str(field.type)[:80]} instead of single values"
            )


def _is_single(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_single(kind.value_type)
    simple = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_temporal, types.is_null)
    return _is_text(kind) or any(matches(kind) for matches in simple)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _shortened(batch: Any) -> Any:
    """Return a batch without dictionaries, whose texts exceed the limit by at most one character."""
    import pyarrow

    return pyarrow.RecordBatch.from_arrays([_short_column(column) for column in batch.columns], batch.schema.names)


def _short_column(column: Any) -> Any:
    import pyarrow
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        if not _is_text(column.type.value_type):
            return column
        short = pyarrow.DictionaryArray.from_arrays(column.indices, _short_column(column.dictionary))
        return short.dictionary_decode()
    if not _is_text(column.type):
        return column
    # Shortening needs valid UTF-8, which a file only claims.
    column.validate(full=True)
    return compute.utf8_slice_codeunits(column, 0, MAX_FIELD_CHARACTERS + 1)


def _parquet_rows(file: Any, names: dict[str, str]) -> Rows:
    number = 0
    for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, columns=list(names)):
        _require_row_limit(number)
        try:
            rows = _shortened(batch).to_pylist()
        except (ValueError, OverflowError) as error:
            raise DataFileError(f"a value after row {number} cannot be read: {error}") from error
        for row in rows:
            number += 1
            yield _checked(number, {names[name]: value for name, value in row.items()}, None)


def _checked(number: int, values: dict[str, Any], problem: str | None) -> FileRow:
    for name, value in values.items():
        if isinstance(value, str) and len(value) > MAX_FIELD_CHARACTERS:
            values[name] = value[:MAX_FIELD_CHARACTERS]
            problem = problem or f"{name} has more than {MAX_FIELD_CHARACTERS:,} characters"
    return FileRow(number, values, problem)


def _require_row_limit(rows: int) -> None:
    if rows > MAX_ROWS:
        raise DataFileError(f"the file has more than {MAX_ROWS:,} rows; split it")


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
