"""`import-rounds`: imports recorded rounds from a file."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

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
from rps_cli.importers.recordings import EQUAL_POINTS, NO_MOVE, cut_recording
from rps_cli.importers.report import ImportReport
from rps_cli.importers.round_headers import read_header
from rps_cli.importers.staging import MAX_ROWS_PER_GAME, FileRow, StagedGame, games_of, summary
from rps_cli.importers.values import (
    UNKNOWN_TIME,
    is_missing,
    parse_moment,
    parse_number,
    parse_optional,
    parse_text,
    parse_whole,
)
from rps_cli.importers.writer import GameWriter
from rps_core.errors import InvalidMove
from rps_core.game.moves import MOVES

MAX_ID_CHARACTERS = 64
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
_Game = TypeVar("_Game")
_POINT_COLUMNS = tuple(f"{move}_pts" for move in MOVES)


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
    with open_table(path, options.delimiter if options else None) as table:
        understood = Understanding(table, path, options or Options())
        is_refused = understood.is_guess and not dry_run
        if not is_refused and not (strict and not dry_run):
            report = _imported(engine, understood, path, dry_run=dry_run)
            if understood.is_guess:
                report.notes.append("what is marked as guessed needs your eyes before you run the command")
            return report
        report = _imported(engine, understood, path, dry_run=True)
        if is_refused:
            report.notes.append("nothing was written, because the meaning of the file was guessed; confirm it with:")
        elif report.skipped:
            report.notes.append("nothing was written, because --strict allows no loss")
        else:
            return _imported(engine, understood, path, dry_run=False)
        report.is_refused = True
        return report


def _imported(engine: Engine, understood: Understanding, path: Path, *, dry_run: bool) -> ImportReport:
    report = ImportReport(str(path), dry_run, command=understood.command())
    report.understood += [*understood.lines, *summary(understood.frame)]
    if ignored := understood.columns.ignored():
        report.notes.append(f"ignored columns: {', '.join(name[:40] for name in ignored[:20])}")
    GameWriter(engine, report).write(
        _each_game(games_of(understood.frame), report, lambda name, rows: plan_games(name, rows, report))
    )
    return report


def read_games(path: Path, options: Options | None = None) -> tuple[list["RecordedGame"], ImportReport]:
    """Return the games of a file as they were recorded, with a report on what was skipped. Nothing is stored.

    Raises:
        DataFileError: the file cannot be read, or lacks a required column.
    """
    with open_table(path, options.delimiter if options else None) as table:
        understood = Understanding(table, path, options or Options())
        report = ImportReport(str(path), dry_run=True)
        report.understood += [*understood.lines, *summary(understood.frame)]
        return list(_each_game(games_of(understood.frame), report, _read_sound_game)), report


def _read_sound_game(game_id: str, rows: Sequence[FileRow]) -> list["RecordedGame"]:
    """Return a game that an import would accept."""
    game = read_game(game_id, rows)
    _storable(game, ImportReport("", dry_run=True))
    return [game]


def _each_game(
    staged: Iterator[StagedGame],
    report: ImportReport,
    read: Callable[[str, Sequence[FileRow]], Iterable[_Game]],
) -> Iterator[_Game]:
    for name, rows, count in staged:
        try:
            game_id = parse_text(name, MAX_ID_CHARACTERS)
        except ValueError:
            for row in rows:
                report.count("skipped", NO_GAME_ID, f"row {row.number}", 1 if count == len(rows) else count)
            continue
        try:
            if count > MAX_ROWS_PER_GAME:
                raise GameRejected(TOO_MANY_ROWS)
            yield from read(game_id, rows)
        except GameRejected as error:
            report.count("skipped", f"games: {error.reason}", f"{game_id} ({_detail(error)}; rows: {count})")


def _detail(error: GameRejected) -> str:
    return str(error).removeprefix(f"{error.reason}: ")


class RecordedGame(NamedTuple):
    """A game of a file as it was recorded; `is_classic` says that no move has a value."""

    header: GameHeader
    rounds: list[RecordedRound]
    is_classic: bool


def plan_games(game_id: str, rows: Sequence[FileRow], report: ImportReport) -> list[StorableGame]:
    """Return the rows of one game as one game to store, or as the pieces of a recording.

    Raises:
        GameRejected: the game cannot be stored; the message names the row, if a row is the cause.
    """
    game = read_game(game_id, rows)
    storable = _storable(game, report)
    if game.header.new.created_at == UNKNOWN_TIME:
        report.count("corrected", WITHOUT_TIME, game_id, len(storable))
    return storable


def _storable(game: RecordedGame, report: ImportReport) -> list[StorableGame]:
    if game.is_classic:
        return _pieces(game.header, game.rounds, report)
    return [replay(game.header, game.rounds)]


def read_game(game_id: str, rows: Sequence[FileRow]) -> RecordedGame:
    """Return the rows of one game in the order of its rounds.

    Raises:
        GameRejected: a row or a value cannot be used.
    """
    numbered = sorted(((_round_no(row), row) for row in rows), key=lambda pair: pair[0])
    values = [row.values for row in rows]
    has_points = [not all(is_missing(row.get(name)) for name in _POINT_COLUMNS) for row in values]
    if any(has_points) != all(has_points):
        raise GameRejected(MIXED_POINTS)
    try:
        header = read_header(game_id, values, is_classic=not any(has_points))
    except ValueError as error:
        raise GameRejected(BAD_VALUE, str(error)) from error
    recorded = [_recorded_round(number, row, header) for number, row in numbered]
    for before, after in pairwise(recorded):
        if before.round_no == after.round_no:
            raise GameRejected(DUPLICATE_ROUNDS, f"round {after.round_no}")
    return RecordedGame(header, recorded, is_classic=not any(has_points))


def _pieces(header: GameHeader, recorded: Sequence[RecordedRound], report: ImportReport) -> list[StorableGame]:
    try:
        # Recorded scores are those of the whole recording, but each piece begins at 0:0.
        pieces = list(cut_recording(played._replace(user_score=None, bot_score=None) for played in recorded))
    except InvalidMove as error:
        raise GameRejected(UNKNOWN_MOVE, str(error)) from error
    storable = list[StorableGame]()
    for piece in pieces:
        if piece.trains:
            # Newest first, as a game played here remembers the games before it.
            earlier = tuple(stored.id for stored in reversed(storable[-REMEMBERED_PIECES:]))
            storable.append(replay(_header_of_piece(header, piece.first_round, earlier), piece.rounds))
    without_move = sum(NO_MOVE in (played.user_move, played.bot_move) for played in recorded)
    too_short = sum(len(piece.rounds) for piece in pieces if not piece.trains)
    for reason, count in ((ROUNDS_WITHOUT_MOVE, without_move), (SHORT_PIECES, too_short)):
        if count:
            report.count("skipped", reason, header.new.id, count)
    return storable


def _header_of_piece(header: GameHeader, first_round: int, earlier: tuple[str, ...]) -> GameHeader:
    """Return the header of a piece, named after its recording and its first round there.

    A piece remembers `earlier` pieces of the recording: the person is the same.
    """
    game_id = f"{header.new.id}:{first_round}"
    if len(game_id) > MAX_ID_CHARACTERS:
        raise GameRejected(BAD_VALUE, f"game_id is longer than {MAX_ID_CHARACTERS - 6} characters")
    return header._replace(new=header.new._replace(id=game_id, remembered_games=earlier), winner=None, finished_at=None)


def _round_no(row: FileRow) -> int:
    if row.problem is not None:
        raise GameRejected(BAD_ROW, f"row {row.number}: {row.problem}")
    try:
        return parse_whole(row.values.get("round"))
    except ValueError as error:
        raise GameRejected(BAD_ROW, f"row {row.number}: round {error}") from error


def _recorded_round(number: int, row: FileRow, header: GameHeader) -> RecordedRound:
    values = row.values
    try:
        return RecordedRound(
            round_no=number,
            user_move=_move_text(values, "player_move"),
            bot_move=_move_text(values, "bot_move"),
            points=_points(values),
            played_at=parse_optional(values.get("event_ts"), parse_moment) or header.new.created_at,
            probability_source=parse_optional(values.get("probability_source"), partial(parse_text, limit=24))
            or "unknown",
            result=parse_optional(values.get("result"), partial(parse_text, limit=40)),
            user_score=parse_optional(values.get("user_score"), parse_number),
            bot_score=parse_optional(values.get("bot_score"), parse_number),
        )
    except ValueError as error:
        raise GameRejected(BAD_ROW, f"row {row.number}: {error}") from error


def _move_text(values: Mapping[str, Any], name: str) -> str:
    return NO_MOVE if is_missing(values.get(name)) else str(values[name]).strip().lower()


def _points(values: Mapping[str, Any]) -> tuple[float, float, float]:
    if all(is_missing(values.get(name)) for name in _POINT_COLUMNS):
        return EQUAL_POINTS
    rock, paper, scissors = (parse_number(values.get(name)) for name in _POINT_COLUMNS)
    return rock, paper, scissors
