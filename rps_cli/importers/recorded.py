"""A recorded game, read from the values of a file under our column names."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import NamedTuple, cast

from rps_cli.importers.games import NO_MODEL, GameHeader, RecordedRound
from rps_cli.importers.recordings import EQUAL_POINTS, NO_MOVE
from rps_cli.importers.values import (
    UNKNOWN_TIME,
    Parser,
    Values,
    parse_choice,
    parse_flag,
    parse_list,
    parse_moment,
    parse_number,
    parse_text,
    parse_whole,
)
from rps_core.features.contract import CONTRACTS
from rps_core.game.families import PLAYING_ALIASES, Family, ModelIdentity
from rps_core.game.gambits import OPENING_ROUNDS
from rps_core.game.moves import MOVES
from rps_core.game.opponents import OPPONENTS
from rps_core.game.players import PLAYER_KINDS, display_name_for
from rps_core.store.counting import kind_by_name
from rps_core.store.games import NO_MODEL_VERSION, StoredGame
from rps_core.store.round_columns import ROUND_FILE_COLUMNS
from rps_core.store.schema import ORIGINS, Origin

UNKNOWN_OPPONENT = "unknown"
MAX_ID_CHARACTERS = 64
MAX_REMEMBERED_GAMES = 24
POINT_COLUMNS = tuple(f"{move}_pts" for move in MOVES)


class RecordedGame(NamedTuple):
    """A game of a file as it was recorded; `is_classic` says that no move has a value."""

    header: GameHeader
    rounds: list[RecordedRound]
    is_classic: bool


def _text(limit: int) -> Parser:
    return partial(parse_text, limit=limit)


def _move(value: object) -> str:
    return str(value).strip().lower()


def _contract(value: object) -> int:
    return parse_choice(parse_whole(value), tuple(CONTRACTS))


_BY_KIND: dict[str, Parser] = {
    "whole": parse_whole, "number": parse_number, "moment": parse_moment, "flag": parse_flag, "text": str,
}  # fmt: skip
# The columns of a file of rounds, and those that only the original system has.
PARSERS: dict[str, Parser] = {column.name: _BY_KIND[column.kind] for column in ROUND_FILE_COLUMNS} | {
    "game_id": _text(MAX_ID_CHARACTERS),
    "player_move": _move,
    "bot_move": _move,
    "result": _text(40),
    "probability_source": _text(24),
    "winner": _text(40),
    "origin": partial(parse_choice, choices=ORIGINS),
    "session_id": _text(128),
    "player_kind": partial(parse_choice, choices=PLAYER_KINDS),
    "bot_policy": _text(64),
    "model_alias": partial(parse_choice, choices=(*PLAYING_ALIASES, NO_MODEL)),
    "model_version": _text(32),
    "model_run_id": _text(32),
    "opening_name": _text(32),
    "opening_seq": partial(parse_list, limit=OPENING_ROUNDS, parse=partial(parse_choice, choices=MOVES)),
    "contract_version": _contract,
    "remembered_games": partial(parse_list, limit=MAX_REMEMBERED_GAMES, parse=_text(MAX_ID_CHARACTERS)),
    "created_ts": parse_moment,
    "ts": parse_moment,
    "is_test": parse_flag,
    "user_delta": parse_number,
    "bot_delta": parse_number,
}


def read_header(values: Values, *, otherwise_at: datetime = UNKNOWN_TIME, is_classic: bool = False) -> GameHeader:
    """Return the header of a game.

    A classic game, or a game against an unknown opponent, is a recording, even if the file says otherwise.

    Args:
        values: the columns of the game.
        otherwise_at: the start of a game without one.
        is_classic: the moves have no values.

    Raises:
        Unusable: a value cannot be used.
    """
    game_id = values.require("game_id")
    policy = values["bot_policy"] or UNKNOWN_OPPONENT
    known = OPPONENTS.get(policy.lower())
    session_id = values["session_id"] or game_id
    # Any name can be shown: characters that cannot be are left out, as in a game played here.
    name = values["player_name"] or ""
    origin: Origin = "recording"
    if known is not None and not is_classic:
        origin = values["origin"] or "imported"
    alias = values["model_alias"]
    run_id = None if origin == "recording" else values["model_run_id"]
    new = StoredGame(
        id=game_id,
        session_id=session_id,
        player_name=display_name_for(name, session_id),
        player_kind=values["player_kind"] or ("test" if values["is_test"] else kind_by_name(name)),
        policy=known.policy if known else policy,
        family=known.family if known else cast(Family, NO_MODEL),
        alias="Production" if alias in {None, NO_MODEL} else alias,
        model=ModelIdentity(values["model_version"] or NO_MODEL_VERSION, run_id) if run_id else None,
        opening_name=values["opening_name"],
        opening=values["opening_seq"] or (),
        created_at=values["created_at"] or values["created_ts"] or otherwise_at,
        winner=values["winner"],
        easy_mode=values["easy_mode"] or False,
        finished_at=values["finished_at"],
        contract_version=values["contract_version"],
        remembered_games=values["remembered_games"] or (),
    )
    return GameHeader(new, origin, values["model_switched"])


def read_round(values: Values) -> RecordedRound:
    """Return a round; without a time, it has `UNKNOWN_TIME`.

    Raises:
        Unusable: a value cannot be used.
    """
    rock, paper, scissors = (
        EQUAL_POINTS if values.lacks(*POINT_COLUMNS) else (values.require(name) for name in POINT_COLUMNS)
    )
    return RecordedRound(
        round_no=values.require("round"),
        user_move=values["player_move"] or NO_MOVE,
        bot_move=values["bot_move"] or NO_MOVE,
        points=(rock, paper, scissors),
        played_at=values["event_ts"] or values["ts"] or UNKNOWN_TIME,
        probability_source=values["probability_source"] or "unknown",
        **{name: values[name] for name in ("result", "user_delta", "bot_delta", "user_score", "bot_score")},
    )


def first_time(rounds: Iterable[RecordedRound]) -> datetime:
    """Return the time of the first round that has one, or `UNKNOWN_TIME`."""
    return min((played.played_at for played in rounds if played.played_at != UNKNOWN_TIME), default=UNKNOWN_TIME)


def in_order(rounds: Iterable[RecordedRound], header: GameHeader) -> list[RecordedRound]:
    """Return the rounds by number; one without a time was played when the game began."""
    return [
        played._replace(played_at=header.new.created_at) if played.played_at == UNKNOWN_TIME else played
        for played in sorted(rounds, key=lambda played: played.round_no)
    ]
