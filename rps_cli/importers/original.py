"""`import-original`: imports games, rounds and promotion decisions from a database of the original system."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Engine

from rps_cli.importers.decisions import import_decisions
from rps_cli.importers.games import (
    BROKEN_POINTS,
    BROKEN_RESULT,
    BROKEN_SCORES,
    DUPLICATE_ROUNDS,
    MISSING_ROUNDS,
    SCORE_TOLERANCE_POINTS,
    WRONG_WINNER,
    GameRejected,
    RecordedRound,
    StorableGame,
    replay,
)
from rps_cli.importers.original_file import MAX_ROUND_ROWS, OriginalFile, SourceRow, open_original
from rps_cli.importers.recorded import PARSERS, POINT_COLUMNS, first_time, in_order, read_header, read_round
from rps_cli.importers.report import ImportReport
from rps_cli.importers.values import UNKNOWN_TIME, Unusable, Values, quoted
from rps_cli.importers.writer import write_games
from rps_core.game.opponents import OPPONENTS
from rps_core.game.scoring import round_points

_EASY_SUFFIX = "_easy"
_SCORES = ("user_score", "bot_score")
_TIMES = ("created_at", "created_ts", "finished_at", "event_ts", "ts")
# An unreadable value counts as missing here; in any other column, the game is skipped.
_LENIENT = (*_TIMES, "session_id", "model_alias", "opening_seq", "opening_name", "easy_mode", "is_test")
_REASONS = {
    "game_id": "the id of the game cannot be used",
    "bot_policy": "the name of the opponent cannot be used",
    "winner": WRONG_WINNER,
    "round": MISSING_ROUNDS,
    "result": BROKEN_RESULT,
    **dict.fromkeys(POINT_COLUMNS, BROKEN_POINTS),
    **dict.fromkeys((*_SCORES, "user_delta", "bot_delta"), BROKEN_SCORES),
}


def import_original(engine: Engine, path: Path, *, dry_run: bool = False) -> ImportReport:
    """Import the games and promotion decisions of an original database.

    Games that are already in the store are left unchanged, so an import can be repeated.

    Args:
        engine: the gameplay store, migrated (unless `dry_run`).
        path: SQLite file of the original system; it is only read.
        dry_run: write nothing, and report what would be imported.

    Raises:
        DataFileError: the file is missing, damaged, or not a database of the original system.
        StoreError: the gameplay database refused a batch.
    """
    report = ImportReport(str(path), dry_run)
    with open_original(path) as original:
        write_games(engine, _planned_games(original, report), report)
        if orphans := original.orphaned_rounds():
            report.count("skipped", "rounds that belong to no game", "", orphans)
        import_decisions(engine, original.promotion_events(), report)
    return report


def _planned_games(original: OriginalFile, report: ImportReport) -> Iterator[StorableGame]:
    for row in original.games():
        try:
            storable, corrections = plan_original_game(row, original.rounds_of(row["game_id"]))
        except GameRejected as error:
            report.count("skipped", f"games: {error.reason}", quoted(row["game_id"]))
            continue
        for reason in corrections:
            report.count("corrected", reason, storable.id)
        yield storable


def plan_original_game(row: SourceRow, rounds: Sequence[SourceRow]) -> tuple[StorableGame, list[str]]:
    """Return a game of the original as it will be stored, and the corrections that it needed.

    Args:
        row: a row of the original's table `games`, by our names.
        rounds: its rows of the table `events`, in the order of the file.

    Raises:
        GameRejected: the game cannot be stored.
    """
    if len(rounds) > MAX_ROUND_ROWS:
        raise GameRejected(DUPLICATE_ROUNDS, f"more than {MAX_ROUND_ROWS} rows")
    corrections: list[str] = []
    if rounds and all(Values(played, PARSERS).lacks("round") for played in rounds):
        corrections.append("rounds without numbers: numbered in the order of the file")
        rounds = [{**played, "round": number} for number, played in enumerate(rounds, start=1)]
    try:
        return _converted(_game_values(row, corrections), rounds, corrections)
    except Unusable as error:
        raise GameRejected(_REASONS[error.column], str(error)) from error


def _game_values(row: SourceRow, corrections: list[str]) -> Values:
    """Return a row of `games` with the opponent that played in it, and without the retired easy mode."""
    values = Values(row, PARSERS)
    for column in ("game_id", "bot_policy"):
        if values.lacks(column):
            raise Unusable(column, "it is empty")
    opponent = {"bot_policy": values["bot_policy"].lower()}
    normal = opponent["bot_policy"].removesuffix(_EASY_SUFFIX)
    if normal != opponent["bot_policy"] and normal in OPPONENTS:
        corrections.append("retired easy opponent: replaced by the opponent in easy mode")
        opponent = {"bot_policy": normal, "easy_mode": "true"}
    winner = None if values.lacks("winner") else str(row["winner"])
    name = None if values.lacks("opening_name") else str(row["opening_name"])[:32]
    return Values({**row, **opponent, "winner": winner, "opening_name": name}, PARSERS, _LENIENT)


def _converted(game: Values, rows: Sequence[SourceRow], corrections: list[str]) -> tuple[StorableGame, list[str]]:
    unordered = [_recorded_round(game.require("game_id"), row) for row in rows]
    otherwise_at = first_time(unordered)
    if otherwise_at == UNKNOWN_TIME:
        otherwise_at = game["finished_at"] or UNKNOWN_TIME
    header = read_header(game, otherwise_at=otherwise_at)
    if header.new.created_at == UNKNOWN_TIME:
        raise GameRejected("neither the game nor a round has a time")
    recorded = [
        played._replace(probability_source="gambit") if played.round_no <= len(header.new.opening) else played
        for played in in_order(unordered, header)
    ]
    storable = replay(header, recorded)
    found = {
        "creation time missing or unreadable: taken from the first round or the finish": not (
            game["created_at"] or game["created_ts"]
        ),
        "time of a round missing or unreadable: taken from the creation of the game": any(
            played.played_at == UNKNOWN_TIME for played in unordered
        ),
        "opening unreadable: left out": "opening_seq" in game.unreadable,
        # One shared session would mix the streaks of different players.
        "session missing or unusable: replaced by the id of the game": not game["session_id"],
        "alias missing or unknown: set to Production": not game["model_alias"],
        "unknown opponent: kept as a recording": header.origin == "recording",
        "winner missing: taken from the rounds": storable.game["winner"] is not None and header.new.winner is None,
        "finish missing or unreadable: taken from the last round": storable.game["finished_ts"] is not None
        and header.new.finished_at is None,
        "scores of the game differed from its rounds: taken from the rounds": not all(
            _agrees(game, name, storable.game[name]) for name in _SCORES
        ),
    }
    return storable, corrections + [reason for reason, applies in found.items() if applies]


def _recorded_round(game_id: str, row: SourceRow) -> RecordedRound:
    values = Values(row, PARSERS, _LENIENT)
    played = read_round(values)
    if values.lacks(*POINT_COLUMNS):
        # Older files lack the columns: the values follow from the game id, and the gains of the round prove them.
        return played._replace(points=round_points(game_id, played.round_no))
    return played


def _agrees(game: Values, column: str, score: float) -> bool:
    try:
        return game.lacks(column) or abs(game[column] - score) <= SCORE_TOLERANCE_POINTS
    except Unusable:
        return False
