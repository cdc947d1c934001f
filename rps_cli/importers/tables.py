"""Reads a table of text from the files that people have: CSV of any kind, gzip, JSON and Parquet.

Nothing here knows rounds. Bounds protect the machine from hostile files: rows, columns, lines, fields, unpacked bytes.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from rps_cli.importers.files import require_readable
from rps_cli.importers.values import quoted
from rps_core.errors import DataFileError

if TYPE_CHECKING:
    import polars

MAX_ROWS = 20_000_000
MAX_COLUMNS = 1_000
MAX_FIELD_CHARACTERS = 1_000
MAX_LINE_CHARACTERS = 65_536
# A megabyte of gzip or Parquet can expand to gigabytes; JSON that is not a row a line is held in memory.
MAX_UNPACKED_BYTES = 8 * 1024**3
MAX_JSON_BYTES = 256 * 1024**2
ROWS_PER_BATCH = 20_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}

_REFUSED = {
    b"PK\x03\x04": "is a workbook or a zip archive; save the sheet as CSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "is a workbook; save the sheet as CSV",
    b"SQLite format 3": "is a database; use `rps import-original`, or export its rounds as CSV",
    b"ARROW1": "is a Feather file; write it as Parquet",
    b"BZh": "is compressed with bzip2; unpack it, or use gzip",
    b"\xfd7zXZ": "is compressed with xz; unpack it, or use gzip",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; unpack it, or use gzip",
}
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Table(NamedTuple):
    """The content of a file as text.

    Attributes:
        names: the names of the columns, as the file writes them.
        frame: the columns as text, named "0", "1", …, with the number of each row as "row". CSV also has "extra", which
            holds the field after the last column.
        kind: the format, for people.
        delimiter: of CSV.
        comments: the lines before the header.
        unusable: columns without single values, and what they hold.
    """

    names: list[str]
    frame: "polars.LazyFrame"
    kind: str
    delimiter: str | None = None
    comments: str = ""
    unusable: Mapping[str, str] = MappingProxyType({})


@contextmanager
def open_table(path: Path, delimiter: str | None = None) -> Iterator[Table]:
    """Open a file; its content, not its name, selects the format. Temporary files disappear at the end.

    Raises:
        DataFileError: the file is missing, damaged, too large or of an unknown format, or Polars is not installed; also
            while the table is read.
    """
    require_readable(path)
    try:
        import polars
        import pyarrow
    except ImportError as error:
        raise DataFileError(
            "reading rounds needs the library polars: use the environment of `rps up` or the image rps-assets, or run "
            "`pip install 'rps-quest[assets]'`"
        ) from error
    # A panic of Polars is no Exception; its message is for programmers.
    broken = (polars.exceptions.PolarsError, polars.exceptions.PanicException, pyarrow.ArrowException, OSError)
    damaged = (*broken, csv.Error, ValueError, OverflowError, RecursionError, EOFError, zlib.error)
    with TemporaryDirectory(prefix="rps-import-") as folder:
        try:
            table = _opened(path, Path(folder), delimiter)
        except damaged as error:
            raise _unreadable(path, error) from error
        try:
            yield table
        except broken as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> DataFileError:
    kind = "Parquet" if path.suffix.lower() == ".parquet" else "a table"
    # Polars ends its long advice with the cause.
    cause = " ".join(str(error).split("Original error:")[-1].strip("` \n").split())
    return DataFileError(f"{path} cannot be read as {kind}: {cause[:200] or type(error).__name__}")


def _opened(path: Path, folder: Path, delimiter: str | None) -> Table:
    unpacked, packed = _unpacked(path, folder)
    start = _start(unpacked)
    if start.startswith(b"PAR1") or path.suffix.lower() == ".parquet":
        table = _open_parquet(unpacked, folder)
    elif start.decode(_encodings(start)[0], "ignore").lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        table = _open_json(unpacked, folder)
    else:
        table = _open_csv(unpacked, folder, delimiter)
    return table._replace(kind=f"{packed}{table.kind}")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        start = file.read(4_096)
    for magic, sentence in _REFUSED.items():
        if start.startswith(magic):
            raise DataFileError(f"the file {sentence}")
    return start


def _unpacked(path: Path, folder: Path) -> tuple[Path, str]:
    """Return the path of the content, and how it was packed, for people."""
    if not _start(path).startswith(b"\x1f\x8b"):
        return path, ""
    target, size = folder / "unpacked", 0
    with gzip.open(path) as source, target.open("wb") as file:
        while piece := source.read(1 << 20):
            size += len(piece)
            _require_bytes(size)
            file.write(piece)
    return target, "gzip, "


def _require_bytes(size: int) -> None:
    if size > MAX_UNPACKED_BYTES:
        raise DataFileError(f"the file unpacks to more than {MAX_UNPACKED_BYTES:,} bytes; split it")


def _require_rows(rows: int) -> None:
    if rows > MAX_ROWS:
        raise DataFileError(f"the file has more than {MAX_ROWS:,} rows; split it")


# CSV


def _open_csv(path: Path, folder: Path, delimiter: str | None) -> Table:
    import polars

    plain = folder / "plain.csv"
    for encoding in _encodings(_start(path)):
        try:
            head = _copy_plain(path, encoding, plain, delimiter)
            break
        except UnicodeDecodeError as error:
            if encoding == "utf-16":
                raise DataFileError(f"the file is not UTF-16 text: {error.reason} at byte {error.start}") from error
    frame = polars.scan_csv(
        plain, separator=head.delimiter, infer_schema_length=0, truncate_ragged_lines=True, row_index_name="row"
    ).with_columns(polars.col("row").cast(polars.Int64) + head.first_row)
    kind = (
        f"CSV, {DELIMITERS.get(head.delimiter, repr(head.delimiter))} between columns, {encoding.removesuffix('-sig')}"
    )
    return Table(head.names, frame, kind, head.delimiter, head.comments)


def _encodings(start: bytes) -> list[str]:
    """Return the encodings to try. A file without a mark is UTF-8 if it can be; else Windows-1252."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return [encoding, "cp1252", "latin-1"] if encoding == "utf-8-sig" else [encoding]
    for first in (0, 1):
        if len(start) > 3 and not any(start[first : 64 + first : 2]):
            return ["utf-16-be", "utf-16-le"][first:]
    return ["utf-8", "cp1252", "latin-1"]


class _Head(NamedTuple):
    names: list[str]
    delimiter: str
    comments: str
    first_row: int


def _copy_plain(path: Path, encoding: str, plain: Path, delimiter: str | None) -> _Head:
    """Write the rows as UTF-8 under a header of numbers, and return what stood above them."""
    with path.open("rb") as source, TextIOWrapper(source, encoding) as text:
        records = _records(text)
        comments: list[str] = []
        for number, record in records:  # noqa: B007  # used after the loop
            line = record.strip().lstrip("\ufeff")
            if line.lower().startswith("sep=") and len(line) <= 5:
                delimiter = delimiter or line[4:] or "\t"
            elif line and not line.startswith("#"):
                break
            comments.append(line)
        else:
            number, record = 0, ""
        delimiter = delimiter or _delimiter(record)
        ahead = list(islice(records, 2))
        names = _names(record.lstrip("\ufeff"), [fields for _, fields in ahead], delimiter)
        if len(names) > MAX_COLUMNS:
            raise DataFileError(f"the file has {len(names):,} columns; use at most {MAX_COLUMNS:,}")
        with plain.open("w", encoding="utf-8", newline="\n") as file:
            file.write(delimiter.join([*map(str, range(len(names))), "extra"]) + "\n")
            for rows, (_, kept) in enumerate(chain(ahead, records), start=1):
                _require_rows(rows)
                file.write(kept if kept.endswith("\n") else kept + "\n")
    return _Head(names, delimiter, "\n".join(comments), number + 1)


def _records(text: IO[str]) -> Iterator[tuple[int, str]]:
    """Yield the number of the first line and the text of each record; quoted fields may contain line ends."""
    record, started, is_open = "", 1, False
    number = 0
    while line := text.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        started = started if record else number
        record += line
        if len(record) > MAX_LINE_CHARACTERS:
            what = "a quote that never closes" if is_open else f"more than {MAX_LINE_CHARACTERS:,} characters"
            raise DataFileError(f"line {started} has {what}, so the file is not well-formed CSV")
        if "\0" in line:
            raise DataFileError(f"line {number} contains NUL characters, so the file is not CSV")
        is_open ^= line.count('"') % 2 == 1
        if not is_open:
            yield started, record
            record = ""
    if is_open:
        raise DataFileError(f"line {started} has a quote that never closes, so the file is not well-formed CSV")


def _delimiter(header: str) -> str:
    """Return the delimiter that gives the most columns; a blank only if nothing else gives two."""
    found = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in DELIMITERS if mark != " "}
    best = max(found, key=lambda mark: found[mark])
    return best if found[best] > 1 or " " not in header.strip() else " "


def _names(header: str, rows: list[str], delimiter: str) -> list[str]:
    """Return the names; R leaves out the name of its column of row numbers."""
    names, *first = csv.reader(map(str, [header, *rows]), delimiter=delimiter) if header else [[]]
    numbers = [fields[0] for fields in first if len(fields) == len(names) + 1]
    if first and names[-1:] != [""] and numbers == ["1", "2"][: len(first)]:
        names = ["", *names]
    return [name.strip() for name in names]


# JSON


def _open_json(path: Path, folder: Path) -> Table:
    with path.open(encoding=_encodings(_start(path))[0]) as file:
        first, second = file.readline(MAX_LINE_CHARACTERS + 1), file.readline(MAX_LINE_CHARACTERS + 1)
        file.seek(0)
        is_lines = first.strip().endswith("}") and second.lstrip().startswith("{")
        if not is_lines and path.stat().st_size > MAX_JSON_BYTES:
            raise DataFileError(f"JSON of more than {MAX_JSON_BYTES:,} bytes must have one row a line; or use CSV")
        rows: Iterable[Any] = (json.loads(line) for line in file if line.strip()) if is_lines else [json.load(file)]
        names, frame = _staged(_flat(rows), folder)
    return Table(names, frame, "JSON, a row a line" if is_lines else "JSON")


def _flat(values: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield rows from any usual layout: rows, columns, pandas' "split", rows inside of games or of an envelope."""
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        elif not isinstance(value, dict):
            raise DataFileError(f"{quoted(value)} is not a row; use objects with the names of the columns")
        elif isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
            yield from (dict(zip(map(str, value["columns"]), row, strict=True)) for row in value["data"])
        elif value and all(isinstance(column, list) and not _has_rows(column) for column in value.values()):
            yield from (dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True))
        elif value and all(isinstance(column, dict) for column in value.values()):
            yield from ({name: column.get(key) for name, column in value.items()} for key in next(iter(value.values())))
        elif inner := [name for name, held in value.items() if isinstance(held, list) and _has_rows(held)]:
            shared = {name: held for name, held in value.items() if not isinstance(held, list | dict)}
            yield from (shared | row for row in _flat(value[inner[-1]]))
        else:
            yield value


def _has_rows(values: list[Any]) -> bool:
    return bool(values) and isinstance(values[0], dict)


def _staged(rows: Iterator[dict[str, Any]], folder: Path) -> tuple[list[str], "polars.LazyFrame"]:
    import polars

    names: dict[str, str] = {}
    size = count = 0
    while batch := list(islice(rows, ROWS_PER_BATCH)):
        for row in batch:
            names.update((name, str(len(names))) for name in row if name not in names)
            if len(names) > MAX_COLUMNS:
                raise DataFileError(f"the file has more than {MAX_COLUMNS:,} columns")
        columns = {at: [_text(row.get(name)) for row in batch] for name, at in names.items()}
        frame = polars.DataFrame(columns, schema=dict.fromkeys(columns, polars.String)).with_row_index("row", count + 1)
        count, size = count + len(batch), size + int(frame.estimated_size())
        _require_rows(count)
        _require_bytes(size)
        frame.cast({"row": polars.Int64}).write_ipc(folder / f"{count:012}.arrow", compression="lz4")
    parts = [polars.scan_ipc(part) for part in sorted(folder.glob("*.arrow"))]
    empty = polars.LazyFrame(schema={"row": polars.Int64})
    return list(names), polars.concat([empty, *parts], how="diagonal")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else _short(value)
    return _short(json.dumps(value))


def _short(text: str) -> str:
    # JSON can hold halves of characters, which no other format can.
    return text[: MAX_FIELD_CHARACTERS + 1].encode("utf-8", "replace").decode()


# Parquet


def _open_parquet(path: Path, folder: Path) -> Table:
    import polars
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
        _require_bytes(sum(group.total_byte_size for group in groups))
        _require_rows(file.metadata.num_rows)
        fields = [file.schema_arrow.field(at) for at in range(len(file.schema_arrow.names))]
    if len(fields) > MAX_COLUMNS:
        raise DataFileError(f"the file has {len(fields):,} columns; use at most {MAX_COLUMNS:,}")
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
            _require_rows(count)
            _require_bytes(size)
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
