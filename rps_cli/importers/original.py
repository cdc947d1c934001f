"""`import-original`: games, rounds and promotion decisions of a database of the original system."""

import json
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
    historical_player_kind,
    is_missing,
    parse_moment,
    parse_number,
    parse_text,
    parse_whole,
    shown,
)
from rps_cli.importers.writer import GameWriter
from rps_core.game.families import PLAYING_ALIASES, Family, PlayingAlias
from rps_core.game.moves import MOVES, Move
from rps_core.game.opponents import OPPONENTS
from rps_core.game.players import display_name_for
from rps_core.game.scoring import Points, round_points
from rps_core.store.games import StoredGame

BAD_ID = "the id of the game cannot be used"
BAD_OPPONENT = "the name of the opponent cannot be used"
NO_TIME = "neither the game nor a round has a time"

MENDED_CREATION = "creation time missing or unreadable: taken from the first round or the finish"
MENDED_ROUND_TIME = "time of a round missing or unreadable: taken from the creation of the game"
MENDED_WINNER = "winner missing: taken from the rounds"
MENDED_FINISH = "finish missing or unreadable: taken from the last round"
MENDED_SCORES = "scores of the game differed from its rounds: taken from the rounds"
MENDED_SESSION = "session missing or unusable: the id of the game stands for it"
MENDED_ALIAS = "alias missing or unknown: Production"
MENDED_EASY = "retired easy variant of an opponent: the opponent, in easy mode"
MENDED_NUMBERS = "rounds without numbers: numbered in the order in which they were written"
MENDED_OPENING = "opening unreadable: left out"
FOREIGN_OPPONENT = "played against none of our opponents: kept as a recording"

_EASY_SUFFIX = "_easy"


class ConvertedGame(NamedTuple):
    """A game of the original as it will be stored, and what was mended for it."""

    storable: StorableGame
    mended: list[str]


def import_original(engine: Engine, path: Path, *, dry_run: bool = False) -> ImportReport:
    """Bring the games and promotion decisions of an original database into the store.

    Games that are there already are left as they are, so a second run adds nothing and a killed one can be repeated.

    Args:
        engine: the gameplay store, migrated (unless `dry_run`).
        path: SQLite file of the original system; only read.
        dry_run: report what would happen and write nothing.

    Raises:
        DataFileError: the file is missing, damaged, or no database of the original system.
        StoreError: the gameplay database refused.
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
            report.count("skipped", f"games: {error.reason}", shown(row["id"]))
            continue
        for reason in planned.mended:
            report.count("mended", reason, planned.storable.id)
        yield planned.storable


def plan_original_game(row: SourceRow, rounds: Sequence[SourceRow]) -> ConvertedGame:
    """Decide how a game of the original is stored; row ids and texts are taken as they come.

    Args:
        row: columns of the original's `games`.
        rounds: columns of its `events`, in the order in which they were written.

    Raises:
        GameRejected: it cannot be stored; the reason says why.
    """
    mended: list[str] = []
    try:
        game_id = parse_text(row["id"], 64)
    except ValueError as error:
        raise GameRejected(BAD_ID, str(error)) from error
    if not game_id:
        raise GameRejected(BAD_ID, "it is empty")
    if len(rounds) > MAX_ROUND_ROWS:
        raise GameRejected(DUPLICATE_ROUNDS, f"more than {MAX_ROUND_ROWS} rows")
    created_at = _created_at(row, rounds, mended)
    opening = _opening(row, mended)
    recorded = _recorded_rounds(game_id, rounds, created_at, len(opening), mended)
    header = _header(game_id, row, created_at, opening, mended)
    storable = replay(header, recorded)
    _note_differences(row, storable, header, mended)
    return ConvertedGame(storable, mended)


def _header(
    game_id: str, row: SourceRow, created_at: datetime, opening: tuple[Move, ...], mended: list[str]
) -> GameHeader:
    policy, easy_mode = _policy(row, mended)
    known = OPPONENTS.get(policy)
    name = str(row["player_name"] or "")
    session_id = _session(row, game_id, mended)
    new = StoredGame(
        id=game_id,
        session_id=session_id,
        player_name=display_name_for(name, session_id),
        player_kind=historical_player_kind(name, is_test=bool(_whole_or(row["is_test"], 0))),
        policy=policy,
        family=known.family if known else cast(Family, NO_MODEL),
        alias=_alias(row, mended),
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
        finished_at=_moment_or_none(row["finished_ts"]),
    )


def _policy(row: SourceRow, mended: list[str]) -> tuple[str, bool]:
    """Return the opponent and whether it played in the retired easy mode."""
    try:
        policy = parse_text(row["bot_policy"], 64).lower()
    except ValueError as error:
        raise GameRejected(BAD_OPPONENT, str(error)) from error
    if not policy:
        raise GameRejected(BAD_OPPONENT, "it is empty")
    if policy.removesuffix(_EASY_SUFFIX) != policy and policy.removesuffix(_EASY_SUFFIX) in OPPONENTS:
        mended.append(MENDED_EASY)
        return policy.removesuffix(_EASY_SUFFIX), True
    if policy not in OPPONENTS:
        mended.append(FOREIGN_OPPONENT)
    return policy, bool(_whole_or(row["easy_mode"], 0))


def _session(row: SourceRow, game_id: str, mended: list[str]) -> str:
    try:
        session_id = parse_text(row["session_id"], 128)
    except ValueError:
        session_id = ""
    if not session_id:
        # Not one name for all of them: streaks are counted within a session.
        mended.append(MENDED_SESSION)
    return session_id or game_id


def _alias(row: SourceRow, mended: list[str]) -> PlayingAlias:
    for alias in PLAYING_ALIASES:
        if row["bot_model_alias"] == alias:
            return alias
    mended.append(MENDED_ALIAS)
    return "Production"


def _created_at(row: SourceRow, rounds: Sequence[SourceRow], mended: list[str]) -> datetime:
    for value in (row["created_ts_utc"], row["created_ts"]):
        if moment := _moment_or_none(value):
            return moment
    mended.append(MENDED_CREATION)
    told = [moment for played in rounds if (moment := _round_time(played))]
    if moment := min(told, default=None) or _moment_or_none(row["finished_ts"]):
        return moment
    raise GameRejected(NO_TIME, shown(row["created_ts_utc"]))


def _opening(row: SourceRow, mended: list[str]) -> tuple[Move, ...]:
    if is_missing(row["opening_seq"]):
        return ()
    try:
        moves = json.loads(row["opening_seq"])
    except (ValueError, TypeError, RecursionError):
        moves = None
    if isinstance(moves, list) and len(moves) <= 3 and all(move in MOVES for move in moves):
        return tuple(moves)
    mended.append(MENDED_OPENING)
    return ()


def _recorded_rounds(
    game_id: str, rounds: Sequence[SourceRow], created_at: datetime, opening_rounds: int, mended: list[str]
) -> list[RecordedRound]:
    numbers: list[Any] = [played["step_no"] for played in rounds]
    if rounds and all(is_missing(number) for number in numbers):
        mended.append(MENDED_NUMBERS)
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
        mended.append(MENDED_ROUND_TIME)
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
        # Files from before the column: the value follows from the id, and the gains of the round prove it.
        return round_points(game_id, number)
    try:
        rock, paper, scissors = (parse_number(value) for value in values)
    except ValueError as error:
        raise GameRejected(BROKEN_POINTS, f"round {number}: {error}") from error
    return rock, paper, scissors


def _score(row: SourceRow, name: str) -> float | None:
    if is_missing(row[name]):
        return None
    try:
        return parse_number(row[name])
    except ValueError as error:
        raise GameRejected(BROKEN_SCORES, f"{name}: {error}") from error


def _note_differences(row: SourceRow, storable: StorableGame, header: GameHeader, mended: list[str]) -> None:
    if storable.game["winner"] is not None and header.winner is None:
        mended.append(MENDED_WINNER)
    if storable.game["finished_ts"] is not None and header.finished_at is None:
        mended.append(MENDED_FINISH)
    for name in ("user_score", "bot_score"):
        try:
            agrees = is_missing(row[name]) or abs(parse_number(row[name]) - storable.game[name]) <= 1e-6
        except ValueError:
            agrees = False
        if not agrees:
            mended.append(MENDED_SCORES)
            return


def _round_time(row: SourceRow) -> datetime | None:
    return _moment_or_none(row["created_ts_utc"]) or _moment_or_none(row["ts"])


def _moment_or_none(value: object) -> datetime | None:
    try:
        return None if is_missing(value) else parse_moment(value)
    except ValueError:
        return None


def _whole_or(value: object, default: int) -> int:
    try:
        return default if is_missing(value) else parse_whole(value)
    except ValueError:
        return default
