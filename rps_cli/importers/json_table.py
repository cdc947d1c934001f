"""JSON in any usual layout."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars

from rps_cli.importers.tables import (
    MAX_FIELD_CHARACTERS,
    Table,
    batches,
    encodings,
    require_bounds,
    staged,
    start_of,
)
from rps_cli.importers.values import quoted
from rps_core.errors import DataFileError

# JSON that is not a row a line is held in memory.
MAX_JSON_BYTES = 256 * 1024**2
_MAX_LINE_CHARACTERS = 65_536


def open_json(path: Path, folder: Path) -> Table:
    """Open a JSON file.

    Raises:
        DataFileError: it has too many rows, columns or bytes, or is not well-formed.
    """
    names: dict[str, str] = {}
    with path.open(encoding=encodings(start_of(path))[0]) as file:
        first, second = file.readline(_MAX_LINE_CHARACTERS + 1), file.readline(_MAX_LINE_CHARACTERS + 1)
        file.seek(0)
        is_lines = first.strip().endswith("}") and second.lstrip().startswith("{")
        if not is_lines and path.stat().st_size > MAX_JSON_BYTES:
            raise DataFileError(f"JSON of more than {MAX_JSON_BYTES:,} bytes must have one row a line; or use CSV")
        rows: Iterable[Any] = (json.loads(line) for line in file if line.strip()) if is_lines else [json.load(file)]
        frame = staged(_frames(_flat(rows), names), folder)
    return Table(list(names), frame, "JSON, a row a line" if is_lines else "JSON")


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


def _frames(rows: Iterator[dict[str, Any]], names: dict[str, str]) -> Iterator[polars.DataFrame]:
    """Yield the rows as text; `names` collects the position of each column."""
    for batch in batches(rows):
        for row in batch:
            names.update((name, str(len(names))) for name in row if name not in names)
            require_bounds(columns=len(names))
        columns = {at: [_text(row.get(name)) for row in batch] for name, at in names.items()}
        if columns:
            yield polars.DataFrame(columns, schema=dict.fromkeys(columns, polars.String))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    # JSON can hold halves of characters, which no other format can.
    return text[: MAX_FIELD_CHARACTERS + 1].encode("utf-8", "replace").decode()
