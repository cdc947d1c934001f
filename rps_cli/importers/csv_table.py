"""CSV with any delimiter and encoding, read by Polars."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO, NamedTuple

from rps_cli.importers.tables import Table, encodings, require_columns, require_rows, start_of
from rps_core.errors import DataFileError

MAX_LINE_CHARACTERS = 65_536
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}


def open_csv(path: Path, folder: Path, delimiter: str | None) -> Table:
    """Open a CSV file.

    Raises:
        DataFileError: it has too many rows, columns or bytes, or is not well-formed.
    """
    import polars

    plain = folder / "plain.csv"
    for encoding in encodings(start_of(path)):
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
        require_columns(len(names))
        with plain.open("w", encoding="utf-8", newline="\n") as file:
            file.write(delimiter.join([*map(str, range(len(names))), "extra"]) + "\n")
            for rows, (_, kept) in enumerate(chain(ahead, records), start=1):
                require_rows(rows)
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
