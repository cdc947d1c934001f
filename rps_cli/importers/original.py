"""`import-original`: imports games, rounds and promotion decisions from a database of the original system."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from sqlalchemy import Engine

from rps_cli.importers.decisions import import_decisions
from rps_cli.importers.games import (
    BROKEN_POINTS,
    BROKEN_SCORES,
    DUPLICATE_ROUNDS,
    MISSING_ROUNDS,
    NO_MODEL,
    GameHeader,
    GameRejected,
    RecordedRound,
    StorableGame,
    replay,
)
from rps_cli.importers.original_file import MAX_ROUND_ROWS, OriginalFile, SourceRow, open_original
from rps_cli.importers.report import ImportReport
from rps_cli.importers.values import (
    is_missing,
    parse_moment,
    parse_number,
    parse_opening,
    parse_optional,
    parse_or_none,
    parse_text,
    parse_whole,
    quoted,
)
from rps_cli.importers.writer import GameWriter
from rps_core.game.families import PLAYING_ALIASES, Family, PlayingAlias
from rps_core.game.moves import MOVES, Move
from rps_core.game.opponents import OPPONENTS
from rps_core.game.players import display_name_for
from rps_core.game.scoring import Points, round_points
from rps_core.store.counting import kind_by_name
from rps_core.store.games import StoredGame

BAD_ID = "the id of the game cannot be used"
BAD_OPPONENT = "the name of the opponent cannot be used"
NO_TIME = "neither the game nor a round has a time"

CORRECTED_CREATION = "creation time missing or unreadable: taken from the first round or the finish"
CORRECTED_ROUND_TIME = "time of a round missing or unreadable: taken from the creation of the game"
CORRECTED_WINNER = "winner missing: taken from the rounds"
CORRECTED_FINISH = "finish missing or unreadable: taken from the last round"
CORRECTED_SCORES = "scores of the game differed from its rounds: taken from the rounds"
CORRECTED_SESSION = "session missing or unusable: replaced by the id of the game"
CORRECTED_ALIAS = "alias missing or unknown: set to Production"
CORRECTED_EASY = "retired easy opponent: replaced by the opponent in easy mode"
CORRECTED_NUMBERS = "rounds without numbers: numbered in the order of the file"
CORRECTED_OPENING = "opening unreadable: left out"
UNKNOWN_OPPONENT = "unknown opponent: kept as a recording"

_EASY_SUFFIX = "_easy"


class ConvertedGame(NamedTuple):
    """A game to store, and the corrections that it needed."""

    storable: StorableGame
    corrections: list[str]


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
        GameWriter(engine, report).write(_planned_games(original, report))
        if orphans := original.orphaned_rounds():
            report.count("skipped", "rounds that belong to no game", "", orphans)
        import_decisions(engine, original.promotion_events(), report)
    return report


def _planned_games(original: OriginalFile, report: ImportReport) -> Iterator[StorableGame]:
    for row in original.games():
        try:
            planned = plan_original_game(row, original.rounds_of(row["id"]))
        except GameRejected as error:
            report.count("skipped", f"games: {error.reason}", quoted(row["id"]))
            continue
        for reason in planned.corrections:
            report.count("corrected", reason, planned.storable.id)
        yield planned.storable


def plan_original_game(row: SourceRow, rounds: Sequence[SourceRow]) -> ConvertedGame:
    """Return a game of the original as it will be stored.

    Args:
        row: a row of the original's table `games`.
        rounds: its rows of the table `events`, in the order of the file.

    Raises:
        GameRejected: the game cannot be stored.
    """
    corrections: list[str] = []
    try:
        game_id = parse_text(row["id"], 64)
    except ValueError as error:
        raise GameRejected(BAD_ID, str(error)) from error
    if not game_id:
        raise GameRejected(BAD_ID, "it is empty")
    if len(rounds) > MAX_ROUND_ROWS:
        raise GameRejected(DUPLICATE_ROUNDS, f"more than {MAX_ROUND_ROWS} rows")
    created_at = _created_at(row, rounds, corrections)
    opening = _opening(row, corrections)
    recorded = _recorded_rounds(game_id, rounds, created_at, len(opening), corrections)
    header = _header(game_id, row, created_at, opening, corrections)
    storable = replay(header, recorded)
    _note_differences(row, storable, header, corrections)
    return ConvertedGame(storable, corrections)


def _header(
    game_id: str, row: SourceRow, created_at: datetime, opening: tuple[Move, ...], corrections: list[str]
) -> GameHeader:
    policy, easy_mode = _policy(row, corrections)
    known = OPPONENTS.get(policy)
    name = str(row["player_name"] or "")
    session_id = _session(row, game_id, corrections)
    new = StoredGame(
        id=game_id,
        session_id=session_id,
        player_name=display_name_for(name, session_id),
        player_kind="test" if parse_or_none(row["is_test"], parse_whole) else kind_by_name(name),
        policy=policy,
        family=known.family if known else cast(Family, NO_MODEL),
        alias=_alias(row, corrections),
        model=None,
        opening_name="",
        opening=opening,
        created_at=created_at,
    )
    return GameHeader(
        new,
        origin="imported" if known else "recording",
        opening_name=str(row["opening_name"])[:32] if opening and not is_missing(row["opening_name"]) else None,
        easy_mode=easy_mode,
        winner=None if is_missing(row["winner"]) else str(row["winner"]),
        finished_at=parse_or_none(row["finished_ts"], parse_moment),
    )


def _policy(row: SourceRow, corrections: list[str]) -> tuple[str, bool]:
    """Return the opponent, and whether the game was in the retired easy mode."""
    try:
        policy = parse_text(row["bot_policy"], 64).lower()
    except ValueError as error:
        raise GameRejected(BAD_OPPONENT, str(error)) from error
    if not policy:
        raise GameRejected(BAD_OPPONENT, "it is empty")
    normal = policy.removesuffix(_EASY_SUFFIX)
    if normal != policy and normal in OPPONENTS:
        corrections.append(CORRECTED_EASY)
        return normal, True
    if policy not in OPPONENTS:
        corrections.append(UNKNOWN_OPPONENT)
    return policy, bool(parse_or_none(row["easy_mode"], parse_whole))


def _session(row: SourceRow, game_id: str, corrections: list[str]) -> str:
    try:
        session_id = parse_text(row["session_id"], 128)
    except ValueError:
        session_id = ""
    if not session_id:
        # One shared session would mix the streaks of different players.
        corrections.append(CORRECTED_SESSION)
    return session_id or game_id


def _alias(row: SourceRow, corrections: list[str]) -> PlayingAlias:
    for alias in PLAYING_ALIASES:
        if row["bot_model_alias"] == alias:
            return alias
    corrections.append(CORRECTED_ALIAS)
    return "Production"


def _created_at(row: SourceRow, rounds: Sequence[SourceRow], corrections: list[str]) -> datetime:
    for value in (row["created_ts_utc"], row["created_ts"]):
        if moment := parse_or_none(value, parse_moment):
            return moment
    corrections.append(CORRECTED_CREATION)
    times = [moment for played in rounds if (moment := _round_time(played))]
    if moment := min(times, default=None) or parse_or_none(row["finished_ts"], parse_moment):
        return moment
    raise GameRejected(NO_TIME, quoted(row["created_ts_utc"]))


def _opening(row: SourceRow, corrections: list[str]) -> tuple[Move, ...]:
    try:
        return parse_optional(row["opening_seq"], parse_opening) or ()
    except ValueError:
        corrections.append(CORRECTED_OPENING)
        return ()


def _recorded_rounds(
    game_id: str, rounds: Sequence[SourceRow], created_at: datetime, opening_rounds: int, corrections: list[str]
) -> list[RecordedRound]:
    numbers: list[Any] = [played["step_no"] for played in rounds]
    if rounds and all(is_missing(number) for number in numbers):
        corrections.append(CORRECTED_NUMBERS)
        numbers = list(range(1, len(rounds) + 1))
    try:
        numbered = sorted(zip(map(parse_whole, numbers), rounds, strict=True), key=lambda pair: pair[0])
    except ValueError as error:
        raise GameRejected(MISSING_ROUNDS, str(error)) from error
    recorded = [
        _recorded_round(game_id, number, played, created_at, is_opening=number <= opening_rounds)
        for number, played in numbered
    ]
    if any(_round_time(played) is None for played in rounds):
        corrections.append(CORRECTED_ROUND_TIME)
    return recorded


def _recorded_round(
    game_id: str, number: int, row: SourceRow, created_at: datetime, *, is_opening: bool
) -> RecordedRound:
    return RecordedRound(
        round_no=number,
        user_move=str(row["user_move"]),
        bot_move=str(row["bot_move"]),
        points=_points(game_id, number, row),
        played_at=_round_time(row) or created_at,
        probability_source="gambit" if is_opening else "unknown",
        result=None if is_missing(row["result"]) else str(row["result"]),
        **{name: _score(row, name) for name in ("user_delta", "bot_delta", "user_score", "bot_score")},
    )


def _points(game_id: str, number: int, row: SourceRow) -> Points:
    values = [row[f"round_{move}_pts"] for move in MOVES]
    if all(is_missing(value) for value in values):
        # Older files lack the columns: the values follow from the game id, and the gains of the round prove them.
        return round_points(game_id, number)
    try:
        rock, paper, scissors = (parse_number(value) for value in values)
    except ValueError as error:
        raise GameRejected(BROKEN_POINTS, f"round {number}: {error}") from error
    return rock, paper, scissors


def _score(row: SourceRow, name: str) -> float | None:
    try:
        return parse_optional(row[name], parse_number)
    except ValueError as error:
        raise GameRejected(BROKEN_SCORES, f"{name}: {error}") from error


def _note_differences(row: SourceRow, storable: StorableGame, header: GameHeader, corrections: list[str]) -> None:
    if storable.game["winner"] is not None and header.winner is None:
        corrections.append(CORRECTED_WINNER)
    if storable.game["finished_ts"] is not None and header.finished_at is None:
        corrections.append(CORRECTED_FINISH)
    for name in ("user_score", "bot_score"):
        try:
            agrees = is_missing(row[name]) or abs(parse_number(row[name]) - storable.game[name]) <= 1e-6
        except ValueError:
            agrees = False
        if not agrees:
            corrections.append(CORRECTED_SCORES)
            return


def _round_time(row: SourceRow) -> datetime | None:
    return parse_or_none(row["created_ts_utc"], parse_moment) or parse_or_none(row["ts"], parse_moment)
