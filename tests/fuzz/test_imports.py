"""Mutated files of rounds and databases of the original: imported games always follow the rules."""

import csv
import gzip
import io
import json
import resource
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from rps_cli.importers import ImportReport, import_original, import_rounds
from rps_cli.importers.original_file import open_original
from rps_cli.importers.reading import open_table
from rps_cli.importers.tables import MAX_FIELD_CHARACTERS
from rps_core.errors import DataFileError
from rps_core.game.moves import MOVES
from rps_core.store import open_engine, upgrade_store
from rps_core.store.schema import events, games, promotion_events
from tests.fuzz.cases import fuzz, may_refuse
from tests.fuzz.mutations import INTEGERS, JUNK, SCALARS, TEXTS, mutated_bytes
from tests.fuzz.watching import only_inside
from tests.unit.cli.importers.original_database import add_game, add_rows, create_original, decision, played_game

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("imports")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{folder / 'store' / 'rps.db'}", sqlite_synchronous="NORMAL")
    upgrade_store(opened)
    yield opened
    opened.dispose()


def require_sound(engine: Engine, report: ImportReport | None) -> None:
    """Require that all imported games are complete and follow the rules; then empty the store for the next case."""
    with engine.begin() as connection:
        stored = connection.execute(select(games.c.id, games.c.origin, games.c.winner, games.c.finished_ts)).all()
        rounds = connection.execute(
            select(events.c.game_id, events.c.step_no, events.c.user_move, events.c.bot_move).order_by(
                events.c.game_id, events.c.step_no
            )
        ).all()
        for table in (events, games, promotion_events):
            connection.execute(delete(table))
    # A file with damage in the middle leaves the complete games before it.
    if report is not None:
        assert (report.imported["games"].count if "games" in report.imported else 0) == len(stored)
    for game_id in {row.game_id for row in rounds}:
        numbers = [row.step_no for row in rounds if row.game_id == game_id]
        assert numbers == list(range(1, len(numbers) + 1))
    assert {move for row in rounds for move in (row.user_move, row.bot_move)} <= set(MOVES)
    for row in stored:
        assert (row.winner is None) == (row.finished_ts is None) or row.origin == "recording"
        if row.origin != "recording":
            assert row.winner in {None, "user", "bot", "tie"}


def valid_rows() -> list[Row]:
    _, played = played_game("game-1")
    return [
        {
            "game_id": "game-1",
            "round": number,
            "player_move": row["user_move"],
            "bot_move": row["bot_move"],
            "rock_pts": row["round_rock_pts"],
            "paper_pts": row["round_paper_pts"],
            "scissors_pts": row["round_scissors_pts"],
            "event_ts": row["ts"],
            "bot_policy": "forrest",
            "opening_seq": '["rock", "paper", "rock"]',
            "winner": None,
        }
        for number, row in enumerate(played, start=1)
    ]


@st.composite
def odd_rows(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> list[Row]:
    """The rows of a valid game with invalid values in a few places."""
    rows = [dict(row) for row in valid_rows()]
    for _ in range(draw(st.integers(1, 4))):
        row = draw(st.sampled_from(rows))
        row[draw(st.sampled_from(sorted(row)))] = draw(values)
    return rows + draw(st.sampled_from(([], rows[:1], rows)))


MARKS = st.sampled_from([
    lambda data: data, gzip.compress, lambda data: gzip.compress(data)[:-9], lambda data: b"\xff\xfe" + data,
    lambda data: data.decode("utf-8", "replace").encode("utf-16"), lambda data: b"sep=;\n" + data,
    lambda data: data.replace(b",", b";"), lambda data: data.replace(b",", b"\t").replace(b"bot_move", b"computer"),
    lambda data: data.replace(b"rock", b"0").replace(b"paper", b"1").replace(b"scissors", b"2"),
    lambda data: data.replace(b"bot_move", b"role").replace(b"paper", b"bot"), lambda data: b"# x\n" + data * 2,
    lambda data: data.replace(b"game_id", b"subject").replace(b"round", b"trial").replace(b"event_ts", b"time"),
])  # fmt: skip


def as_csv(rows: list[Row]) -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode("utf-8", "surrogatepass")


def brought_in(engine: Engine, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    report = None
    # Temporary files belong into the temporary folder, and are gone afterwards.
    temporary = path.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, only_inside(path.parent), may_refuse(DataFileError):
        patch.setattr(tempfile, "tempdir", str(temporary))
        report = import_rounds(engine, path)
    assert list(temporary.iterdir()) == []
    require_sound(engine, report)


@fuzz(150, data=st.one_of(odd_rows(SCALARS).map(as_csv), mutated_bytes(as_csv(valid_rows()), 8)))
def test_a_mutated_csv_file_imports_whole_games_or_gives_a_reason(data: bytes, engine: Engine, folder: Path) -> None:
    brought_in(engine, folder / "in.csv", data)


def as_json(rows: list[Row]) -> bytes:
    return json.dumps(rows).encode()


@fuzz(150, data=st.one_of(odd_rows(JUNK).map(as_json), mutated_bytes(as_json(valid_rows()), 8), JUNK.map(as_json)))
def test_mutated_json_imports_whole_games_or_gives_a_reason(data: bytes, engine: Engine, folder: Path) -> None:
    brought_in(engine, folder / "in.json", data)


@fuzz(
    100, data=st.one_of(odd_rows(SCALARS).map(as_csv), st.binary(max_size=200), st.text().map(str.encode)), mark=MARKS
)
def test_a_file_of_another_encoding_or_packing_gives_a_reason(
    data: bytes, mark: Callable[[bytes], bytes], engine: Engine, folder: Path
) -> None:
    brought_in(engine, folder / "in.txt", mark(data))


def as_parquet(rows: list[Row]) -> bytes:
    written = io.BytesIO()
    table = pyarrow.table({name: column_of([row[name] for row in rows]) for name in rows[0]})
    pyarrow.parquet.write_table(table, written)
    return written.getvalue()


def column_of(values: list[Any]) -> pyarrow.Array:
    """A column of a type that fits the values, or of text."""
    try:
        column = pyarrow.array(values)
        # Parquet lacks some of Arrow's types.
        pyarrow.parquet.write_table(pyarrow.table({"x": column}), io.BytesIO())
    except (pyarrow.ArrowException, OverflowError, UnicodeError, ValueError, TypeError):
        return pyarrow.array([None if value is None else repr(value) for value in values])
    return column


@fuzz(150, data=st.one_of(odd_rows(JUNK).map(as_parquet), mutated_bytes(as_parquet(valid_rows()), 4)))
def test_a_mutated_parquet_file_imports_whole_games_or_gives_a_reason(
    data: bytes, engine: Engine, folder: Path
) -> None:
    brought_in(engine, folder / "in.parquet", data)


@fuzz(50, column=st.sampled_from(sorted(valid_rows()[0])), value=JUNK)
def test_a_parquet_column_of_any_type_is_read_or_refused(column: str, value: Any, engine: Engine, folder: Path) -> None:
    brought_in(engine, folder / "typed.parquet", as_parquet([row | {column: value} for row in valid_rows()]))


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string()], ids=str)
def test_a_small_file_that_repeats_a_long_text_takes_little_memory(kind: pyarrow.DataType, tmp_path: Path) -> None:
    """A hundred thousand rows share one megabyte of text, which would be a hundred gigabytes if each row had a copy."""
    rows = 100_000
    text = pyarrow.array(["A" * 1_000_000], kind)
    repeated = pyarrow.DictionaryArray.from_arrays(pyarrow.repeat(0, rows), text)
    table = {"game_id": repeated, "round": pyarrow.repeat(1, rows), "player_move": repeated, "bot_move": repeated}
    path = tmp_path / "bomb.parquet"
    pyarrow.parquet.write_table(pyarrow.table(table), path, compression="zstd", dictionary_pagesize_limit=2**30)
    assert path.stat().st_size < 2_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_table(path) as table:
        lengths = set(table.frame.select(polars.col("0").str.len_chars()).collect(engine="streaming").to_series())
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert lengths == {MAX_FIELD_CHARACTERS + 1}
    assert grown_kilobytes < 600_000


class Original:
    """A database of the original with two games and a decision, and its bytes."""

    def __init__(self, folder: Path) -> None:
        path = create_original(folder / "valid.db")
        add_game(path, "game-1", seed=1)
        add_game(path, "game-2", seed=2)
        add_rows(path, "promotion_events", [decision()])
        self.path = folder / "original.db"
        self.valid = path.read_bytes()


@pytest.fixture(scope="module")
def original(folder: Path) -> Original:
    (folder / "original").mkdir()
    return Original(folder / "original")


def read_original(engine: Engine, path: Path) -> None:
    before, neighbours = path.read_bytes(), sorted(path.parent.iterdir())
    report = None
    with only_inside(path.parent, Path(str(engine.url.database)).parent), may_refuse(DataFileError):
        report = import_original(engine, path)
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == neighbours
    require_sound(engine, report)


@fuzz(150, data=st.data())
def test_a_damaged_database_imports_whole_games_or_gives_a_reason(
    data: st.DataObject, engine: Engine, original: Original
) -> None:
    original.path.write_bytes(data.draw(mutated_bytes(original.valid, 8)))
    read_original(engine, original.path)


STORED = (
    st.sampled_from((*(text.replace("\ud800", "?") for text in TEXTS), None, b"\xff\xfe", b"", 1e308, float("inf")))
    | st.sampled_from([number for number in INTEGERS if -(2**63) <= number < 2**63])
    | st.binary(max_size=20)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
)
COLUMNS = {
    "games": ("id", "session_id", "bot_policy", "user_score", "winner", "created_ts", "finished_ts", "opening_seq",
              "opening_name", "easy_mode", "is_test", "created_ts_utc", "bot_model_alias", "player_name"),
    "events": ("game_id", "ts", "user_move", "bot_move", "result", "user_score", "step_no", "round_rock_pts",
               "created_ts_utc"),
    "promotion_events": ("created_ts_utc", "model_type", "decision", "z_statistic", "b_wins", "reorder_applied",
                         "alias_rankings_json", "reason", "source", "payload_json"),
}  # fmt: skip
PLACES = st.sampled_from([(table, column) for table, columns in COLUMNS.items() for column in columns])


@fuzz(150, changes=st.lists(st.tuples(PLACES, STORED, st.booleans()), min_size=1, max_size=4))
def test_values_of_any_type_in_any_column_are_corrected_or_skipped(
    changes: list[tuple[tuple[str, str], Any, bool]], engine: Engine, original: Original
) -> None:
    original.path.write_bytes(original.valid)
    with closing(sqlite3.connect(original.path)) as connection, connection:
        for (table, column), value, everywhere in changes:
            where = "" if everywhere else f" WHERE rowid = (SELECT max(rowid) FROM {table})"  # noqa: S608
            connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ?{where}", (value,))  # noqa: S608
    read_original(engine, original.path)


HOSTILE = {
    "a view instead of the table": "ALTER TABLE games RENAME TO g; CREATE VIEW games AS SELECT * FROM g;",
    "a view that never ends": """ALTER TABLE events RENAME TO e; CREATE VIEW events AS WITH RECURSIVE
        c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT e.*, x FROM e, c;""",
    "a trigger on everything": """CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM games; END;
        CREATE TRIGGER u INSTEAD OF INSERT ON v BEGIN DELETE FROM games; END;""",
    "a column that is computed": "ALTER TABLE games ADD COLUMN evil AS (abs(-9223372036854775807 - 1));",
    "an index on an expression": "CREATE INDEX evil ON games (load_extension_is_not_here(id));",
    "a virtual table": "DROP TABLE promotion_events; CREATE VIRTUAL TABLE promotion_events USING fts5(reason, id);",
    "rows without ids": """ALTER TABLE games RENAME TO g; CREATE TABLE games (id TEXT PRIMARY KEY, bot_policy TEXT)
        WITHOUT ROWID; INSERT INTO games SELECT id, bot_policy FROM g;""",
    "an attached name": "CREATE TABLE round_rows (game_id, row); CREATE TABLE sqlite_masquerade (x);",
    "a huge text": "UPDATE games SET player_name = hex(zeroblob(3000000)), opening_seq = hex(zeroblob(3000000));",
    "a million rounds": """INSERT INTO events (game_id, ts, user_move, bot_move, result, user_delta, bot_delta,
        user_score, bot_score) WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000)
        SELECT 'game-1', '', 'rock', 'rock', '', 0, 0, 0, 0 FROM c;""",
    "names of columns": 'ALTER TABLE games ADD COLUMN "a"" FROM main.games; DROP TABLE games; --" TEXT;',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_has_no_effect(name: str, engine: Engine, original: Original) -> None:
    original.path.write_bytes(original.valid)
    with closing(sqlite3.connect(original.path)) as connection:
        for statement in HOSTILE[name].split(";"):
            # SQLite refuses some of these; the file then stays unchanged.
            try:
                connection.execute(statement)
            except sqlite3.OperationalError:
                continue
        connection.commit()
    read_original(engine, original.path)


def test_extensions_and_foreign_functions_cannot_be_used(original: Original) -> None:
    original.path.write_bytes(original.valid)
    with open_original(original.path) as opened:
        connection = opened._connection
        with pytest.raises(sqlite3.OperationalError, match="not authorized"):
            connection.execute("SELECT load_extension('evil')")
        assert connection.execute("PRAGMA trusted_schema").fetchone() == {"trusted_schema": 0}
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM main.games")
