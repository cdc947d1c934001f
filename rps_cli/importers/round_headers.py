"""The game itself, read from the rows of its rounds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

from rps_cli.importers.columns import require_columns_agree
from rps_cli.importers.games import NO_MODEL, GameHeader
from rps_cli.importers.values import (
    UNKNOWN_TIME,
    historical_player_kind,
    parse_choice,
    parse_flag,
    parse_moment,
    parse_opening,
    parse_optional,
    parse_text,
)
from rps_core.game.families import PLAYING_ALIASES, Family, ModelIdentity
from rps_core.game.opponents import OPPONENTS
from rps_core.game.players import PLAYER_KINDS, display_name_for
from rps_core.store.games import NO_MODEL_VERSION, StoredGame
from rps_core.store.round_columns import ROUND_FILE_COLUMNS
from rps_core.store.schema import ORIGINS, Origin

UNKNOWN_OPPONENT = "unknown"
_Value = TypeVar("_Value")


def read_header(game_id: str, rows: Sequence[Mapping[str, Any]], *, is_classic: bool) -> GameHeader:
    """Return the header of a game, from the columns in which all its rows agree.

    A classic game, or a game against an unknown opponent, is a recording, even if the file says otherwise.

    Raises:
        ValueError: a value cannot be parsed, or differs between the rows.
    """
    values = {column.name: require_columns_agree(rows, column.name) for column in ROUND_FILE_COLUMNS if column.of_game}

    def read(name: str, parse: Callable[[object], _Value]) -> _Value | None:
        try:
            return parse_optional(values[name], parse)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    def read_text(name: str, limit: int) -> str:
        return read(name, partial(parse_text, limit=limit)) or ""

    policy = read_text("bot_policy", 64) or UNKNOWN_OPPONENT
    known = OPPONENTS.get(policy.lower())
    session_id = read_text("session_id", 128) or game_id
    name = read_text("player_name", 64)
    origin: Origin = "recording"
    model = None
    if known is not None and not is_classic:
        origin = read("origin", partial(parse_choice, choices=ORIGINS)) or "imported"
    if origin != "recording" and (run_id := read_text("model_run_id", 32)):
        model = ModelIdentity(read_text("model_version", 32) or NO_MODEL_VERSION, run_id)
    has_alias = values["model_alias"] != NO_MODEL
    alias = read("model_alias", partial(parse_choice, choices=PLAYING_ALIASES)) if has_alias else None
    kind = read("player_kind", partial(parse_choice, choices=PLAYER_KINDS))
    new = StoredGame(
        id=game_id,
        session_id=session_id,
        player_name=display_name_for(name, session_id),
        player_kind=kind or historical_player_kind(name, is_test=False),
        policy=known.policy if known else policy,
        family=known.family if known else cast(Family, NO_MODEL),
        alias=alias or "Production",
        model=model,
        opening_name="",
        opening=read("opening_seq", parse_opening) or (),
        created_at=read("created_at", parse_moment) or _first_round_at(rows) or UNKNOWN_TIME,
    )
    return GameHeader(
        new,
        origin=origin,
        opening_name=read_text("opening_name", 32) or None,
        easy_mode=read("easy_mode", parse_flag) or False,
        winner=read_text("winner", 8) or None,
        finished_at=read("finished_at", parse_moment),
        model_switched=read("model_switched", parse_flag),
    )


def _first_round_at(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    moments = (parse_optional(row.get("event_ts"), parse_moment) for row in rows)
    return min(filter(None, moments), default=None)
