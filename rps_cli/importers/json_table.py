"""JSON in any usual layout."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars

from rps_cli.importers import words
from rps_cli.importers.columns import MOVE_COLUMNS, known_as
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
_SAMPLE_ROWS = 100


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
        elif _has_values(value.get("columns")) and _has_values(value.get("data")):
            yield from (_split_row(value["columns"], row) for row in value["data"])
        elif value and all(_has_values(column) for column in value.values()):
            if len({len(column) for column in value.values()}) > 1:
                raise DataFileError(f"the columns {', '.join(map(quoted, value))} differ in their number of values")
            yield from (dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True))
        elif value and all(isinstance(column, dict) for column in value.values()):
            keys = dict.fromkeys(key for column in value.values() for key in column)
            yield from ({name: column.get(key) for name, column in value.items()} for key in keys)
        elif tables := {name: held for name, held in value.items() if isinstance(held, list) and not _has_values(held)}:
            shared = {name: held for name, held in value.items() if not isinstance(held, list | dict)}
            for name, added in (_chosen(tables, shared) if len(tables) > 1 else dict.fromkeys(tables, shared)).items():
                yield from (added | row for row in _flat(tables[name]))
        else:
            yield value


def _has_values(column: object) -> bool:
    return isinstance(column, list) and not (column and isinstance(column[0], dict))


def _split_row(names: list[Any], row: object) -> dict[str, Any]:
    if not isinstance(row, list) or len(row) != len(names):
        raise DataFileError(f"{quoted(row)} is not a list of {len(names):,} values, one for each column")
    return dict(zip(map(str, names), row, strict=True))


def _chosen(tables: dict[str, list[Any]], shared: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the rows of each table with moves share; if there are several, each is a game with the table's name.

    Raises:
        DataFileError: several tables hold moves, but not those of different games.
    """
    samples = {name: list(islice(_flat(rows), _SAMPLE_ROWS)) for name, rows in tables.items()}
    moves = {name: _columns_of_moves(rows) for name, rows in samples.items()}
    chosen = [name for name, columns in moves.items() if columns] or list(tables)
    if len(chosen) > 1 and (len({moves[name] for name in chosen}) > 1 or _names_game([shared])):
        raise DataFileError(f"the file has several tables: {', '.join(map(quoted, chosen[:20]))}; keep one of them")
    are_games = len(chosen) > 1
    return {
        name: shared | ({"game_id": name} if are_games and not _names_game(samples[name]) else {}) for name in chosen
    }


def _columns_of_moves(rows: list[dict[str, Any]]) -> frozenset[str]:
    def holds_moves(name: str) -> bool:
        codes = {words.code_of(str(row[name])) for row in rows if row.get(name) is not None}
        return known_as(name) in MOVE_COLUMNS or (words.side_of(name) is not None and words.looks_like_moves(codes))

    return frozenset(filter(holds_moves, set().union(*rows)))


def _names_game(rows: list[dict[str, Any]]) -> bool:
    return any(
        known_as(name) == "game_id" or (known_as(name) is None and words.may_mean("game_id", name))
        for name in set().union(*rows)
    )


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
