"""`import-rounds`: imports recorded rounds from a file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Engine

from rps_cli.importers.games import (
    DUPLICATE_ROUNDS,
    UNKNOWN_MOVE,
    GameHeader,
    GameRejected,
    RecordedRound,
    StorableGame,
    replay,
)
from rps_cli.importers.guess import Understanding
from rps_cli.importers.options import Options
from rps_cli.importers.reading import open_table
from rps_cli.importers.recorded import (
    MAX_ID_CHARACTERS,
    PARSERS,
    POINT_COLUMNS,
    RecordedGame,
    first_time,
    in_order,
    read_header,
    read_round,
)
from rps_cli.importers.recordings import NO_MOVE, cut_recording
from rps_cli.importers.report import ImportReport
from rps_cli.importers.staging import MAX_ROWS_PER_GAME, FileRow, games_of
from rps_cli.importers.values import UNKNOWN_TIME, Unusable, Values, parse_text, quoted
from rps_cli.importers.writer import write_games
from rps_core.errors import InvalidMove
from rps_core.store.round_columns import ROUND_FILE_COLUMNS

# About as many as a game remembers by default; the longest ids of so many fit into a text of a file.
REMEMBERED_PIECES = 14
NO_GAME_ID = "rows without a usable game_id"
BAD_ROW = "a row of the game is malformed"
BAD_VALUE = "a value of the game cannot be used"
MIXED_POINTS = "points in some rounds only"
TOO_MANY_ROWS = f"more than {MAX_ROWS_PER_GAME:,} rows in one game"
ROUNDS_WITHOUT_MOVE = "rounds of recordings without a move"
SHORT_PIECES = "rounds of pieces of recordings too short to train"
WITHOUT_TIME = f"games without any time: stored with {UNKNOWN_TIME:%Y-%m-%d}"
_GAME_COLUMNS = [column.name for column in ROUND_FILE_COLUMNS if column.of_game]


def import_rounds(
    engine: Engine, path: Path, *, dry_run: bool = False, strict: bool = False, options: Options | None = None
) -> ImportReport:
    """Import the games of a file of rounds. A game with a malformed row is skipped.

    Games that are already in the store are left unchanged, so an import can be repeated. If the meaning of the file had
    to be guessed, nothing is written: the report shows the guess and the command that confirms it.

    Args:
        engine: the gameplay store, migrated (unless `dry_run`).
        path: file of rounds.
        dry_run: write nothing, and report what would be imported.
        strict: write nothing if any row, round or game would be skipped.
        options: what is known about the file.

    Raises:
        DataFileError: the file cannot be read, or lacks a required column.
        StoreError: the gameplay database refused a batch.
    """
    with _understood(path, options) as understood:
        report = _import(engine, understood, dry_run=dry_run or strict or understood.is_guess)
        if dry_run:
            if understood.is_guess:
                report.notes.append("what is marked as guessed needs your eyes before you run the command")
        elif understood.is_guess:
            report.refuse("because the meaning of the file was guessed; confirm it with:")
        elif strict and report.skipped:
            report.refuse("because --strict allows no loss")
        elif strict:
            return _import(engine, understood, dry_run=False)
        return report


def read_games(path: Path, options: Options | None = None) -> tuple[list[RecordedGame], ImportReport]:
    """Return the games of a file as they were recorded, with a report on what was skipped. Nothing is stored.

    Raises:
        DataFileError: the file cannot be read, or lacks a required column.
    """
    with _understood(path, options) as understood:
        report = understood.report(dry_run=True)
        return [game for game, _ in _sound_games(understood, report)], report


@contextmanager
def _understood(path: Path, options: Options | None) -> Iterator[Understanding]:
    with open_table(path, options.delimiter if options else None) as table:
        yield Understanding(table, path, options or Options())


def _import(engine: Engine, understood: Understanding, *, dry_run: bool) -> ImportReport:
    report = understood.report(dry_run=dry_run)
    write_games(engine, _planned_games(understood, report), report)
    return report


def _planned_games(understood: Understanding, report: ImportReport) -> Iterator[StorableGame]:
    """Yield the games to store, and count what recordings leave out."""
    for game, storable in _sound_games(understood, report):
        without_move = sum(NO_MOVE in (played.user_move, played.bot_move) for played in game.rounds)
        stored_rounds = sum(len(piece.events) for piece in storable)
        has_time = game.header.new.created_at != UNKNOWN_TIME
        for section, reason, count in (
            ("skipped", ROUNDS_WITHOUT_MOVE, without_move),
            ("skipped", SHORT_PIECES, len(game.rounds) - without_move - stored_rounds),
            ("corrected", WITHOUT_TIME, 0 if has_time else len(storable)),
        ):
            if count:
                report.count(section, reason, game.header.new.id, count)
        yield from storable


def _sound_games(understood: Understanding, report: ImportReport) -> Iterator[tuple[RecordedGame, list[StorableGame]]]:
    """Yield each game that follows the rules: as it was recorded, and as one game or as pieces to store."""
    for rows, count in games_of(understood.frame):
        try:
            game_id = parse_text(rows[0]["game_id"], MAX_ID_CHARACTERS)
        except ValueError as error:
            problem = "" if rows[0]["game_id"] is None else f": {error}"
            for row in rows:
                report.count("skipped", NO_GAME_ID, f"row {row['row']}{problem}", 1 if count == len(rows) else count)
            continue
        try:
            if count > MAX_ROWS_PER_GAME:
                raise GameRejected(TOO_MANY_ROWS)
            game = read_game(rows)
            storable = _storable(game)
        except GameRejected as error:
            detail = str(error).removeprefix(f"{error.reason}: ")
            report.count("skipped", f"games: {error.reason}", f"{game_id} ({detail}; rows: {count})")
        else:
            yield game, storable


def read_game(rows: Sequence[FileRow]) -> RecordedGame:
    """Return the rows of one game in the order of its rounds.

    Raises:
        GameRejected: a row or a value cannot be used.
    """
    unordered = [_recorded_round(row) for row in rows]
    classic = {Values(row, PARSERS).lacks(*POINT_COLUMNS) for row in rows}
    if len(classic) > 1:
        raise GameRejected(MIXED_POINTS)
    is_classic = classic == {True}
    try:
        of_game = Values({name: _agreed(name, rows) for name in _GAME_COLUMNS if name in rows[0]}, PARSERS)
        header = read_header(of_game, otherwise_at=first_time(unordered), is_classic=is_classic)
    except Unusable as error:
        raise GameRejected(BAD_VALUE, str(error)) from error
    recorded = in_order(unordered, header)
    for before, after in pairwise(recorded):
        if before.round_no == after.round_no:
            raise GameRejected(DUPLICATE_ROUNDS, f"round {after.round_no}")
    return RecordedGame(header, recorded, is_classic)


def _recorded_round(row: FileRow) -> RecordedRound:
    try:
        if row["problem"] is not None:
            raise GameRejected(BAD_ROW, f"row {row['row']}: {row['problem']}")
        return read_round(Values(row, PARSERS))
    except Unusable as error:
        advice = "; delete the row if it is not a round" * (error.column == "round")
        raise GameRejected(BAD_ROW, f"row {row['row']}: {error}{advice}") from error


def _agreed(column: str, rows: Sequence[FileRow]) -> object:
    """Return the value of a column in all rows of a game, or None if no row has one."""
    found = list(dict.fromkeys(value for row in rows if (value := row[column])))
    if len(found) > 1:
        raise GameRejected(BAD_VALUE, f"{column} is {quoted(found[0])} in one row and {quoted(found[1])} in another")
    return found[0] if found else None


def _storable(game: RecordedGame) -> list[StorableGame]:
    if not game.is_classic:
        return [replay(game.header, game.rounds)]
    try:
        pieces = list(cut_recording(game.rounds))
    except InvalidMove as error:
        raise GameRejected(UNKNOWN_MOVE, str(error)) from error
    storable = list[StorableGame]()
    for piece in pieces:
        if piece.trains:
            # Newest first, as a game played here remembers the games before it: the person is the same.
            earlier = tuple(stored.id for stored in reversed(storable[-REMEMBERED_PIECES:]))
            storable.append(replay(_header_of_piece(game.header, piece.first_round, earlier), piece.rounds))
    return storable


def _header_of_piece(header: GameHeader, first_round: int, earlier: tuple[str, ...]) -> GameHeader:
    """Return the header of a piece, named after its recording and its first round there."""
    game_id = f"{header.new.id}:{first_round}"
    if len(game_id) > MAX_ID_CHARACTERS:
        raise GameRejected(BAD_VALUE, f"game_id is longer than {MAX_ID_CHARACTERS - 6} characters")
    return header._replace(new=header.new._replace(id=game_id, remembered_games=earlier, winner=None, finished_at=None))
