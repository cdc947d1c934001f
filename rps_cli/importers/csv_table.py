"""CSV with any delimiter and encoding.

`csv.reader` splits the lines: one quotation mark within a field makes Polars refuse the whole file.
"""

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO

import polars

from rps_cli.importers.columns import is_header
from rps_cli.importers.options import DELIMITERS
from rps_cli.importers.tables import Table, batches, encodings, require_bounds, staged, start_of
from rps_core.errors import DataFileError

MAX_LINE_CHARACTERS = 65_536


def open_csv(path: Path, folder: Path, delimiter: str | None) -> Table:
    """Open a CSV file.

    Raises:
        DataFileError: it has too many rows, columns or bytes, or is not well-formed.
    """
    for encoding in encodings(start_of(path)):
        try:
            with path.open("rb") as source, TextIOWrapper(source, encoding) as text:
                table = _read(text, folder, delimiter)
            return table._replace(kind=f"{table.kind}, {encoding.removesuffix('-sig')}")
        except UnicodeDecodeError as error:
            problem = f"the file is not {encoding.upper()} text: {error.reason} at byte {error.start}"
    raise DataFileError(problem)


def _read(text: IO[str], folder: Path, delimiter: str | None) -> Table:
    comments: list[str] = []
    while line := text.readline(MAX_LINE_CHARACTERS + 1):
        content = line.strip().lstrip("\ufeff")
        if content.lower().startswith("sep=") and len(content) <= 5:
            delimiter = delimiter or content[4:] or "\t"
        elif content and not content.startswith("#"):
            break
        comments.append(content)
    named = [content.lstrip("# ") for content in comments if content.startswith("#")]
    delimiter = delimiter or _delimiter(line)
    records = _records(text, line.lstrip("\ufeff"), len(comments) + 1, delimiter)
    ahead = list(islice(records, 3))
    header = ahead[0][1] if ahead else []
    # NumPy writes the header as a comment.
    comment = next(csv.reader(named[-1:], delimiter=delimiter), [])
    if len(comment) == len(header) and is_header(comment) and not is_header(header):
        header = comment
    else:
        del ahead[:1]
    header = [name.strip() for name in header]
    # R leaves out the name of its column of row numbers.
    numbers = [fields[0] for _, fields in ahead if len(fields) == len(header) + 1]
    if ahead and header[-1:] != [""] and numbers == ["1", "2", "3"][: len(ahead)]:
        header.insert(0, "")
    require_bounds(columns=len(header))
    columns = [*map(str, range(len(header))), "extra"]
    frame = staged(_frames(chain(ahead, records), columns), folder, columns)
    kind = f"CSV, {DELIMITERS.get(delimiter, repr(delimiter))} between columns"
    return Table(header, frame, kind, delimiter, "\n".join(comments))


def _records(text: IO[str], line: str, number: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the fields of each record; quoted fields may contain line ends.

    Args:
        text: the file after `line`.
        line: the first line of the first record.
        number: its number.
        delimiter: the character between two fields.
    """
    started, held = number, 0

    def lines() -> Iterator[str]:
        nonlocal line, number, held
        while line:
            held += len(line)
            if held > MAX_LINE_CHARACTERS:
                is_open = number > started
                what = "a quote that never closes" if is_open else f"more than {MAX_LINE_CHARACTERS:,} characters"
                raise DataFileError(f"line {started} has {what}, so the file is not well-formed CSV")
            if "\0" in line:
                raise DataFileError(f"line {number} contains NUL characters, so the file is not CSV")
            yield line
            line, number = text.readline(MAX_LINE_CHARACTERS + 1), number + 1
        if held:
            raise DataFileError(f"line {started} has a quote that never closes, so the file is not well-formed CSV")

    # Blanks may align the columns.
    for fields in csv.reader(lines(), delimiter=delimiter, skipinitialspace=True):
        yield started, fields
        started, held = number + 1, 0


def _frames(records: Iterator[tuple[int, list[str]]], columns: list[str]) -> Iterator[polars.DataFrame]:
    schema = {"row": polars.Int64, **dict.fromkeys(columns, polars.String)}
    for batch in batches(records):
        rows = [[number, *fields, *[None] * len(schema)][: len(schema)] for number, fields in batch]
        yield polars.DataFrame(rows, schema=schema, orient="row")


def _delimiter(header: str) -> str:
    """Return the delimiter that gives the most columns; a blank only if nothing else gives two."""
    found = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in DELIMITERS if mark != " "}
    best = max(found, key=lambda mark: found[mark])
    return best if found[best] > 1 or " " not in header.strip() else " "
