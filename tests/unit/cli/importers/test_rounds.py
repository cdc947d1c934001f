"""Import and export of files of rounds."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from rps_cli.importers import export_rounds, import_rounds
from rps_cli.importers.values import UNKNOWN_TIME
from rps_cli.importers.writer import OTHER_GAME
from rps_core.errors import DataFileError, GameNotFound
from rps_core.game.families import ModelIdentity
from rps_core.game.moves import MOVES
from rps_core.game.players import PLAYER_KINDS
from rps_core.store import GameStore, open_engine, upgrade_store
from rps_core.store.analytics.filters import GameFilter
from rps_core.store.analytics.listing import export_portion, plan_export
from rps_core.store.analytics.training import select_rounds, select_training_games
from rps_core.store.play_counts import gameplay_counts
from rps_core.store.round_columns import COLUMN_NAMES, ROUND_FILE_COLUMNS
from rps_core.store.schema import events, games, metadata
from tests.builders.databases import make_empty
from tests.builders.games import START, new_game, play_next, play_to_the_end
from tests.unit.cli.importers.reports import counted, only_rejection

Row = dict[str, Any]
Contents = Callable[[Engine], tuple[list[Row], list[Row]]]
POINTS = {"rock_pts": 1.4, "paper_pts": 1.9, "scissors_pts": 1.0}


def write_csv(path: Path, rows: list[Row]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: list[Row]) -> Path:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


WRITERS = {".csv": write_csv, ".parquet": write_parquet}


def classic(moves: str, game_id: str = "rec", **values: Any) -> list[Row]:
    """A classic recording; each letter is the player's move, - means none; the bot always plays rock."""
    names = {"r": "rock", "p": "paper", "s": "scissors", "-": "none"}
    return [
        {"game_id": game_id, "round": number, "player_move": names[move], "opponent_move": "rock", **values}
        for number, move in enumerate(moves, start=1)
    ]


def valued(moves: str = "rrrrr", game_id: str = "game-1", **values: Any) -> list[Row]:
    """A game with points against forrest."""
    return [row | POINTS | {"policy": "forrest"} | values for row in classic(moves, game_id)]


def lengths(store: Engine) -> dict[str, int]:
    with store.connect() as connection:
        query = select(events.c.game_id, func.count().label("rounds")).group_by(events.c.game_id)
        return {row.game_id: row.rounds for row in connection.execute(query)}


# Export and import


@st.composite
def stored_games(draw: st.DrawFn) -> list[tuple[Any, int, int | None]]:
    """Games, the seed of their moves, and the last round of those that stay unfinished."""
    names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=32)
    plans = []
    for number in range(draw(st.integers(1, 4))):
        policy, family = draw(
            st.sampled_from([("brian", "feedforward_nn"), ("forrest", "xgboost"), ("logan", "multinomial_logistic")])
        )
        game = new_game(
            f"game-{number}-{draw(st.uuids())}",
            session_id=draw(st.uuids().map(str)),
            player_name=draw(names),
            player_kind=draw(st.sampled_from(PLAYER_KINDS)),
            policy=policy,
            family=family,
            alias=draw(st.sampled_from(["Production", "B"])),
            model=draw(st.sampled_from([None, ModelIdentity("12", "f" * 32)])),
            opening=tuple(draw(st.sampled_from(MOVES)) for _ in range(3)),
            created_at=START + timedelta(microseconds=draw(st.integers(0, 10**12))),
        )
        plans.append((game, draw(st.integers(0, 10**6)), draw(st.none() | st.integers(1, 8))))
    return plans


def play(store: GameStore, plans: list[tuple[Any, int, int | None]]) -> None:
    for game, seed, last_round in plans:
        if last_round is None:
            play_to_the_end(store, game, seed)
            continue
        random = Random(seed)
        remembered = tuple(other.id for other, *_ in plans[:2])
        store.write([game._replace(contract_version=3, remembered_games=remembered)])
        while (stored := store.load_game(game.id)).finished_at is None and stored.next_round_no <= last_round:
            moves = random.choice(MOVES), random.choice(MOVES)
            switched = random.random() < 0.1
            play_next(store, stored, *moves, model_switched=switched)


def empty(store: Engine) -> None:
    with store.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@given(plans=stored_games())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_export_and_import_preserves_games_to_the_last_bit(
    engine: Engine, sqlite_store: Engine, contents: Contents, tmp_path: Path, suffix: str, plans: Any
) -> None:
    empty(engine)
    empty(sqlite_store)
    play(GameStore(engine), plans)
    path = tmp_path / f"rounds{suffix}"
    rows = export_rounds(engine, path, overwrite=True)
    report = import_rounds(sqlite_store, path)
    assert report.skipped == {}
    assert contents(sqlite_store) == contents(engine)
    assert rows == len(contents(engine)[1])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_export_and_import_preserves_recordings(
    engine: Engine, sqlite_store: Engine, contents: Contents, tmp_path: Path, suffix: str
) -> None:
    rows = classic("prsprsprsprsppp-prsprsp", opponent_kind="bot:copies_the_last_move", player_id="person 7")
    import_rounds(engine, WRITERS[suffix](tmp_path / f"in{suffix}", rows))
    export_rounds(engine, tmp_path / f"out{suffix}")
    import_rounds(sqlite_store, tmp_path / f"out{suffix}")
    assert contents(sqlite_store) == contents(engine)
    assert contents(engine)[0]


def test_rows_can_be_in_any_order(engine: Engine, sqlite_store: Engine, contents: Contents, tmp_path: Path) -> None:
    for seed in range(5):
        play_to_the_end(GameStore(engine), new_game(f"game-{seed}"), seed)
    export_rounds(engine, tmp_path / "rounds.csv")
    header, *lines = (tmp_path / "rounds.csv").read_text().splitlines()
    (tmp_path / "turned.csv").write_text("\n".join([header, *sorted(lines, reverse=True)]))
    assert import_rounds(sqlite_store, tmp_path / "turned.csv").skipped == {}
    assert contents(sqlite_store) == contents(engine)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_export_of_the_api_can_be_imported(
    engine: Engine, sqlite_store: Engine, contents: Contents, tmp_path: Path, suffix: str
) -> None:
    for seed in range(3):
        play_to_the_end(GameStore(engine), new_game(f"game-{seed}"), seed)
    with engine.connect() as connection:
        page = plan_export(connection, GameFilter(START), 10_000)
        rows = [row._asdict() for row in export_portion(connection, GameFilter(START), page)]
    assert len(rows) == page.rows
    report = import_rounds(sqlite_store, WRITERS[suffix](tmp_path / f"in{suffix}", rows))
    assert report.notes == ["ignored columns: event_id"]
    assert contents(sqlite_store) == contents(engine)


def test_an_export_of_an_empty_store_has_columns_and_no_rows(engine: Engine, tmp_path: Path) -> None:
    assert export_rounds(engine, tmp_path / "rounds.csv") == 0
    assert (tmp_path / "rounds.csv").read_text().strip() == ",".join(COLUMN_NAMES)
    assert export_rounds(engine, tmp_path / "rounds.parquet") == 0
    assert pyarrow.parquet.read_schema(tmp_path / "rounds.parquet").names == list(COLUMN_NAMES)


def test_an_export_replaces_a_file_only_on_request(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "rounds.csv"
    path.write_text("mine")
    with pytest.raises(DataFileError, match="exists already"):
        export_rounds(engine, path)
    assert path.read_text() == "mine"
    assert export_rounds(engine, path, overwrite=True) == 0


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("rounds.txt", "the format of"),
        ("missing/rounds.csv", "does not exist; create it"),
        ("folder.csv", "is a folder"),
    ],
)
def test_an_export_to_an_unusable_path_is_refused(engine: Engine, tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataFileError, match=sentence):
        export_rounds(engine, tmp_path / name)


# Games with points


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_game_with_points_becomes_an_imported_game(engine: Engine, tmp_path: Path, suffix: str) -> None:
    rows = [row | {"event_ts": f"2026-03-01T10:00:0{row['round']}+02:00"} for row in valued("ppsrp", player_name="Ada")]
    report = import_rounds(engine, WRITERS[suffix](tmp_path / f"in{suffix}", rows))
    assert counted(report.imported) == {"games": 1, "rounds": 5}
    game = GameStore(engine).load_game("game-1")
    assert (game.policy, game.family, game.player_name, game.player_kind) == ("forrest", "xgboost", "Ada", "human")
    assert game.created_at == datetime(2026, 3, 1, 8, 0, 1, tzinfo=UTC)
    assert (game.user_score, game.bot_score) == (pytest.approx(6.2), pytest.approx(1.9))
    with engine.connect() as connection:
        assert connection.scalar(select(games.c.origin)) == "imported"


def test_a_second_import_adds_nothing(engine: Engine, tmp_path: Path, contents: Contents) -> None:
    path = write_csv(tmp_path / "in.csv", valued() + classic("rrrrrrr"))
    first = import_rounds(engine, path)
    before = contents(engine)
    second = import_rounds(engine, path)
    assert second.imported == {}
    assert counted(second.already_there) == counted(first.imported)
    assert contents(engine) == before


def test_a_game_whose_id_another_game_has_is_skipped_and_named(engine: Engine, tmp_path: Path) -> None:
    import_rounds(engine, write_csv(tmp_path / "first.csv", valued("ppsrp")))
    before = lengths(engine)
    for other in ("rpsrp", "ppsrr"):
        path = write_csv(tmp_path / "second.csv", valued(other) + valued("ppsrp", game_id="game-2"))
        for dry_run in (True, False):
            report = import_rounds(engine, path, dry_run=dry_run)
            assert counted(report.skipped) == {OTHER_GAME: 1}
            assert report.skipped[OTHER_GAME].examples == ["game-1"]
            assert not report.is_whole
    assert lengths(engine) == before | {"game-2": 5}


def test_a_dry_run_reports_the_same_and_writes_nothing(engine: Engine, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", valued() + classic("rrrrrrr"))
    dry = import_rounds(engine, path, dry_run=True)
    assert lengths(engine) == {}
    assert counted(dry.imported) == counted(import_rounds(engine, path).imported)


def test_a_player_named_like_a_scripted_one_is_scripted_unless_the_file_says_otherwise(
    engine: Engine, tmp_path: Path
) -> None:
    rows = valued(game_id="by-name", player_name="Bob") + valued(
        game_id="by-file", player_name="Bob", player_kind="human"
    )
    import_rounds(engine, write_csv(tmp_path / "in.csv", rows))
    store = GameStore(engine)
    assert [store.load_game(name).player_kind for name in ("by-name", "by-file")] == ["scripted", "human"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"player_move": "lizard"}, "a move is unknown"),
        ({"player_move": "none"}, "a move is unknown"),
        ({"opponent_move": ""}, "a move is unknown"),
        ({"round": "second"}, "row 3: round: 'second' is not a number; delete the row if it is not a round"),
        ({"round": "2.5"}, "row 3: round: '2.5' is not a whole number"),
        ({"round": "1"}, "a round number occurs twice"),
        ({"round": "9"}, "rounds are missing"),
        ({"rock_pts": "dear"}, "row 3: rock_pts: 'dear' is not a number"),
        ({"rock_pts": "inf"}, "row 3: rock_pts: 'inf' is not a number"),
        ({"rock_pts": "-1"}, "the value of a move"),
        ({"rock_pts": "1e300"}, "the value of a move"),
        ({"rock_pts": "", "paper_pts": "", "scissors_pts": ""}, "points in some rounds only"),
        ({"scissors_pts": ""}, "is not a number"),
        ({"event_ts": "noon"}, "'noon' is not an ISO-8601 time"),
        ({"event_ts": "0001-01-01T00:00:00+14:00"}, "is not an ISO-8601 time"),
        ({"event_ts": "9999-01-01"}, "is not a time between"),
        ({"result": "win"}, "a result contradicts the moves"),
        ({"user_score": "4"}, "scores contradict the rules"),
        ({"policy": "logan"}, "bot_policy is 'forrest' in one row and 'logan' in another"),
        ({"origin": "stolen"}, "origin: 'stolen' is not one of"),
        ({"player_kind": "alien"}, "player_kind: 'alien' is not one of"),
        ({"model_alias": "shadow1"}, "model_alias: 'shadow1' is not one of"),
        ({"model_run_id": "f" * 33}, "model_run_id: "),
        ({"session_id": "a\tb"}, "control characters"),
        ({"opening_seq": "rock"}, "is not a JSON list"),
        ({"opening_seq": "[" * 900}, "is not a JSON list"),
        ({"easy_mode": "perhaps"}, "neither true nor false"),
        ({"winner": "user"}, "the winner contradicts the rounds"),
        ({"player_name": "x" * 2_000}, "row 3: player_name has more than"),
    ],
)
def test_one_bad_value_skips_its_game_but_no_other(
    sqlite_store: Engine, tmp_path: Path, change: Row, reason: str
) -> None:
    rows = valued()
    rows[1] |= change
    good = valued(game_id="good", event_ts="2026-03-01")
    report = import_rounds(sqlite_store, write_csv(tmp_path / "in.csv", rows + good))
    assert lengths(sqlite_store) == {"good": 5}
    ((subject, tally),) = report.skipped.items()
    assert reason in f"{subject} {tally.examples[0]}"
    assert tally.examples[0].startswith("game-1 (")


def test_a_game_with_rounds_after_the_finish_is_skipped(engine: Engine, tmp_path: Path) -> None:
    report = import_rounds(engine, write_csv(tmp_path / "in.csv", valued("p" * 7)))
    assert "rounds after the finish" in only_rejection(report)


def test_rows_of_the_wrong_width_are_reported(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(
        "game_id,round,player_move,bot_move,rock_pts,paper_pts,scissors_pts\n"
        "a,1,rock,rock,1,1,1\na,2,rock\n\nb,1,rock,rock,1,1,1,rock\n,1,rock,rock,1,1,1\n"
    )
    report = import_rounds(engine, path)
    assert report.imported == {}
    assert not report.is_whole
    assert {subject: tally.examples for subject, tally in report.skipped.items()} == {
        "games: points in some rounds only": ["a (points in some rounds only; rows: 2)"],
        "games: a row of the game is malformed": ["b (row 5: more fields than the header; rows: 1)"],
        "rows without a usable game_id": ["row 6"],
    }


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"round": True}, "is not a number"),
        ({"player_move": 3}, "a move is unknown"),
        ({"game_id": "\x07"}, "rows without a usable game_id [\"row 1: '\\\\x07' contains control characters\"]"),
        ({"game_id": "g" * 65}, "is longer than 64 characters"),
    ],
)
def test_parquet_columns_of_a_wrong_type_are_reported(
    sqlite_store: Engine, tmp_path: Path, values: Row, reason: str
) -> None:
    report = import_rounds(sqlite_store, write_parquet(tmp_path / "in.parquet", [valued("r")[0] | values]))
    assert reason in only_rejection(report)


@pytest.mark.parametrize(
    ("values", "kind"),
    [({"round": [1]}, "round holds list"), ({"rock_pts": {"a": 1.0}}, "struct")],
)
def test_a_parquet_column_without_single_values_is_refused_before_it_is_read(
    sqlite_store: Engine, tmp_path: Path, values: Row, kind: str
) -> None:
    with pytest.raises(DataFileError, match=f"{kind}.*instead of single values"):
        import_rounds(sqlite_store, write_parquet(tmp_path / "in.parquet", [valued("r")[0] | values]))


def test_parquet_with_other_numeric_and_text_types_is_read(engine: Engine, tmp_path: Path) -> None:
    table = pyarrow.Table.from_pylist(valued())
    for name, kind in {
        "round": pyarrow.float32(),
        "rock_pts": pyarrow.float32(),
        "policy": pyarrow.large_string(),
    }.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    moves = table.column_names.index("player_move")
    table = table.set_column(moves, "player_move", table["player_move"].dictionary_encode())
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    assert counted(import_rounds(engine, tmp_path / "in.parquet").imported) == {"games": 1, "rounds": 5}


# Classic recordings


def test_a_classic_recording_is_cut_where_our_games_would_end(engine: Engine, tmp_path: Path) -> None:
    # Paper beats rock for one point: ten rounds in a game. A draw gives half a point to each: twenty rounds.
    report = import_rounds(engine, write_csv(tmp_path / "in.csv", classic("p" * 10 + "r" * 20 + "ppppp")))
    assert lengths(engine) == {"rec:1": 10, "rec:11": 20, "rec:31": 5}
    assert counted(report.imported) == {"games": 3, "rounds": 35}
    with engine.connect() as connection:
        rows = connection.execute(select(games).order_by(games.c.id)).all()
        steps = connection.scalars(select(events.c.step_no).where(events.c.game_id == "rec:11").order_by(events.c.id))
        assert list(steps) == list(range(1, 21))
    assert {(row.origin, row.bot_policy, row.model_type, row.bot_model_run_id) for row in rows} == {
        ("recording", "unknown", "none", None)
    }
    assert [(row.user_score, row.bot_score) for row in rows] == [(10.0, 0.0), (10.0, 10.0), (5.0, 0.0)]
    # A piece remembers the pieces before it, newest first.
    assert [row.remembered_games for row in rows] == [None, '["rec:1"]', '["rec:11", "rec:1"]']
    assert all(row.finished_ts is not None for row in rows)


def test_a_round_without_a_move_or_a_missing_number_ends_a_piece(engine: Engine, tmp_path: Path) -> None:
    rows = classic("rrrr-rrrrr--rrrrrrr")
    report = import_rounds(engine, write_csv(tmp_path / "in.csv", [row for row in rows if row["round"] != 16]))
    # A piece of three rounds is skipped, because the first three rounds of a game are never examples.
    assert lengths(engine) == {"rec:1": 4, "rec:6": 5}
    assert counted(report.skipped) == {
        "rounds of recordings without a move": 3,
        "rounds of pieces of recordings too short to train": 6,
    }


def test_a_recording_with_an_unknown_move_or_a_repeated_number_is_skipped(engine: Engine, tmp_path: Path) -> None:
    lizard, twice = classic("rrrrr", "lizard"), classic("rrrrr", "twice")
    lizard[3]["player_move"] = "lizard"
    twice[3]["round"] = 3
    report = import_rounds(engine, write_csv(tmp_path / "in.csv", lizard + twice))
    assert report.imported == {}
    assert sorted(report.skipped) == ["games: a move is unknown", "games: a round number occurs twice"]


def test_recordings_count_nowhere_and_train_only_on_request(engine: Engine, tmp_path: Path) -> None:
    kept = play_to_the_end(GameStore(engine), new_game("played"))
    before = gameplay_counts(engine, START)
    import_rounds(engine, write_csv(tmp_path / "in.csv", classic("p" * 10 + "rrrrr")))
    with engine.connect() as connection:
        since = START - timedelta(days=1)
        without = connection.execute(select_training_games(since)).all()
        with_recordings = connection.execute(select_training_games(since, include_recordings=True)).all()
    assert gameplay_counts(engine, START) == before
    assert [row.game_id for row in without] == ["played"]
    # A recording without a time is the oldest game of the window, so it is the first to be dropped.
    assert [(row.game_id, row.examples) for row in with_recordings] == [
        ("played", len(kept.rounds) - 3),
        ("rec:11", 2),
        ("rec:1", 7),
    ]
    assert {row.created_at for row in with_recordings[1:]} == {since}
    with pytest.raises(GameNotFound):
        GameStore(engine).load_game("rec:1")


def test_features_can_be_built_from_recordings(engine: Engine, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    from rps_assets.datasets.feature_frame import feature_frame

    import_rounds(engine, write_csv(tmp_path / "in.csv", classic("prsprsprsprs")))
    with engine.connect() as connection:
        rounds = polars.DataFrame([row._asdict() for row in connection.execute(select_rounds())])
    frame = feature_frame(rounds.with_columns(easy_mode=0))
    assert frame["label"].to_list()[:3] == [1, 0, 2]
    assert len(frame) == len(rounds) > 0


def test_a_recording_without_a_time_is_older_than_every_window(engine: Engine, tmp_path: Path) -> None:
    report = import_rounds(engine, write_csv(tmp_path / "in.csv", classic("rrrrr")))
    assert [reason for reason in report.corrected if "without any time" in reason]
    with engine.connect() as connection:
        assert connection.scalar(select(games.c.created_ts_utc)) == UNKNOWN_TIME


def test_a_game_with_points_against_an_unknown_opponent_is_a_recording_too(engine: Engine, tmp_path: Path) -> None:
    claims = {"policy": "somebody", "origin": "played", "model_run_id": "f" * 32, "model_version": "3"}
    import_rounds(engine, write_csv(tmp_path / "in.csv", valued("rrrrr", **claims)))
    with engine.connect() as connection:
        row = connection.execute(select(games)).one()
    assert (row.origin, row.bot_model_run_id, row.finished_ts is not None) == ("recording", None, True)


def test_ids_too_long_for_the_name_of_a_piece_are_refused(engine: Engine, tmp_path: Path) -> None:
    report = import_rounds(engine, write_csv(tmp_path / "in.csv", classic("rrrrr", "x" * 64)))
    assert "game_id is longer than" in only_rejection(report)


# Unusable files


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.csv", None, "does not exist"),
        (".", None, "is a folder"),
        ("empty.csv", b"", "is empty"),
        ("rounds.xlsx", b"PK\x03\x04", "is a workbook or a zip archive; save the sheet as CSV"),
        ("rounds.db", b"SQLite format 3\0", "use `rps import-original`"),
        ("other.csv", b"name,age\nada,36\n", "lacks the columns player_move, bot_move; it has: name, age; .*--map"),
        ("twice.csv", b"game_id,round,player_move,user_move,bot_move\n", "both hold player_move"),
        ("half.txt", b"\xff\xfeg\0a", "is not UTF-16 text"),
        ("half-without-mark.txt", b"g\0a\0m\0e\0\n\0r", "is not UTF-16-LE text"),
        ("codes.csv", b"player_move,bot_move\n0,1\n2,1\n", "nothing in the file says which is which.*--moves 0=rock"),
        ("open.gz", b"\x1f\x8b\x08\0", "cannot be read as a table"),
        ("deep.json", b"[" * 100_000, "cannot be read as a table"),
        ("scalars.json", b"[1, 2]", "is not a row"),
        ("uneven.json", b'{"player_move": ["rock"], "bot_move": []}', "'bot_move' differ in their number of values"),
        ("nul.csv", b"game_id,round,player_move,bot_move\n\0,1,rock,rock\n", "NUL characters"),
        ("line.csv", b"game_id,round,player_move,bot_move\n" + b"x" * 100_000, "line 2 has more than"),
        (
            "quote.csv",
            b'game_id,round,player_move,bot_move\n"' + b"x\n" * 100_000,
            "line 2 has a quote that never closes",
        ),
        ("open.csv", b'game_id,round,player_move,bot_move\n"a,1,rock,rock\n', "line 2 has a quote that never closes"),
        ("text.parquet", b"game_id,round\n", "cannot be read as Parquet"),
        ("magic.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "cannot be read as Parquet"),
    ],
)
def test_files_without_rounds_are_refused_with_a_sentence(
    sqlite_store: Engine, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataFileError, match=sentence):
        import_rounds(sqlite_store, tmp_path / name)
    assert lengths(sqlite_store) == {}


def test_nothing_is_imported_from_a_truncated_parquet_file(sqlite_store: Engine, tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "in.parquet", classic("rps" * 500)).read_bytes()
    for broken in (whole[: len(whole) // 2], whole[len(whole) // 2 :], whole[:-1]):
        (tmp_path / "broken.parquet").write_bytes(broken)
        with pytest.raises(DataFileError, match="cannot be read as Parquet"):
            import_rounds(sqlite_store, tmp_path / "broken.parquet")
    assert lengths(sqlite_store) == {}


def test_a_parquet_column_whose_name_is_not_text_is_refused(sqlite_store: Engine, tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "in.parquet", classic("rrr", xxxxxxxx="x"))
    file.write_bytes(file.read_bytes().replace(b"xxxxxxxx", b"xxxx\x80xxx"))
    with pytest.raises(DataFileError, match="cannot be read as Parquet"):
        import_rounds(sqlite_store, file)
    assert lengths(sqlite_store) == {}


def test_a_parquet_file_that_unpacks_to_too_much_is_refused_before_it_is_read(
    sqlite_store: Engine, tmp_path: Path
) -> None:
    # Twenty-five million equal rows are a few kilobytes of Parquet.
    rows = 25_000_000
    same = pyarrow.nulls(rows, pyarrow.int8()).fill_null(0)
    column = pyarrow.DictionaryArray.from_arrays(same, pyarrow.array(["rock"]))
    names = ("game_id", "round", "player_move", "bot_move")
    path = tmp_path / "bomb.parquet"
    pyarrow.parquet.write_table(pyarrow.table(dict.fromkeys(names, column)), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataFileError, match="more than 20,000,000 rows"):
        import_rounds(sqlite_store, path)


def test_a_game_with_too_many_rows_is_skipped(sqlite_store: Engine, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = (f"endless,{number},rock,rock\n" for number in range(1, 20_002))
    path.write_text("game_id,round,player_move,bot_move\n" + "".join(rows))
    assert "more than 20,000 rows in one game" in only_rejection(import_rounds(sqlite_store, path))


def test_an_installation_without_polars_says_where_it_is(tmp_path: Path) -> None:
    # The image of the API: the libraries cannot be imported.
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('pyarrow', 'pyarrow.parquet', 'polars', 'pandas')))\n"
        "from rps_cli.app import app; app()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "import-rounds", str(write_csv(tmp_path / "in.csv", valued()))],
        env={**os.environ, "DATA_PATH": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "rps: reading rounds needs the library polars: use the environment of `rps up` or the image" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unusable_store_gives_a_sentence_without_a_traceback(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", valued())
    (tmp_path / "broken.db").write_text("this is not a database, but it is as long as one" * 50)
    result = subprocess.run(
        [sys.executable, "-m", "rps_cli", "import-rounds", str(path), "--json"],
        env={**os.environ, "RPS_DB_PATH": str(tmp_path / "broken.db")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "cannot be used" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_guide_has_every_column_and_its_meaning() -> None:
    guide = (Path(__file__).parents[4] / "docs" / "importing.md").read_text()
    for column in ROUND_FILE_COLUMNS:
        others = ", ".join(f"`{name}`" for name in column.synonyms)
        assert f"| `{column.name}` | {others} | {column.meaning} |" in guide


def test_a_dry_run_does_not_create_a_store(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", valued())
    result = subprocess.run(
        [sys.executable, "-m", "rps_cli", "import-rounds", str(path), "--dry-run", "--json"],
        env={**os.environ, "DATA_PATH": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout)["imported"]["games"] == {"count": 1, "examples": ["game-1"]}
    assert not (tmp_path / "data").exists()


def test_two_imports_at_once_import_each_game_once(postgres_url: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", [row for n in range(300) for row in valued(game_id=f"game-{n:03}")])
    store = open_engine(postgres_url)
    upgrade_store(store)
    try:
        with ThreadPoolExecutor(2) as pool:
            reports = [future.result() for future in [pool.submit(import_rounds, store, path) for _ in range(2)]]
        assert sum(counted(report.imported).get("games", 0) for report in reports) == 300
        assert lengths(store) == {f"game-{n:03}": 5 for n in range(300)}
    finally:
        make_empty(store)
        store.dispose()
