"""What the rows of one game tell about the game itself."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from rps_cli.importers.columns import require_columns_agree
from rps_cli.importers.games import NO_MODEL, GameHeader
from rps_cli.importers.values import (
    UNKNOWN_TIME,
    historical_player_kind,
    is_missing,
    parse_flag,
    parse_moment,
    parse_text,
    shown,
)
from rps_core.game.families import PLAYING_ALIASES, Family, ModelIdentity, PlayingAlias
from rps_core.game.moves import MOVES, Move
from rps_core.game.opponents import OPPONENTS
from rps_core.game.players import PLAYER_KINDS, PlayerKind, display_name_for
from rps_core.store.games import NO_MODEL_VERSION, StoredGame
from rps_core.store.round_columns import ROUND_FILE_COLUMNS
from rps_core.store.schema import ORIGINS, Origin

FOREIGN_OPPONENT = "unknown"


def read_header(game_id: str, rows: Sequence[Mapping[str, Any]], *, is_classic: bool) -> GameHeader:
    """Return what the rows tell about their game.

    A classic game, and a game against an opponent that is none of ours, is a recording, whatever the file says.

    Raises:
        ValueError: a value cannot be read, or differs between the rows.
    """
    told = {column.name: require_columns_agree(rows, column.name) for column in ROUND_FILE_COLUMNS if column.of_game}
    policy = _text(told, "bot_policy", 64, FOREIGN_OPPONENT)
    known = OPPONENTS.get(policy.lower())
    session_id = _text(told, "session_id", 128, game_id)
    name = _text(told, "player_name", 64, "")
    origin: Origin = "recording" if is_classic or known is None else _origin(told)
    new = StoredGame(
        id=game_id,
        session_id=session_id,
        player_name=display_name_for(name, session_id),
        player_kind=_player_kind(told, name),
        policy=known.policy if known else policy,
        family=known.family if known else cast(Family, NO_MODEL),
        alias=_alias(told),
        model=None if origin == "recording" else _model(told),
        opening_name="",
        opening=_opening(told),
        created_at=_moment(told, "created_at") or _first_round_at(rows) or UNKNOWN_TIME,
    )
    return GameHeader(
        new,
        origin=origin,
        opening_name=_text(told, "opening_name", 32, "") or None,
        easy_mode=not is_missing(told["easy_mode"]) and parse_flag(told["easy_mode"]),
        winner=_text(told, "winner", 8, "") or None,
        finished_at=_moment(told, "finished_at"),
        model_switched=None if is_missing(told["model_switched"]) else parse_flag(told["model_switched"]),
    )


def _text(told: Mapping[str, Any], name: str, limit: int, default: str) -> str:
    try:
        return default if is_missing(told[name]) else parse_text(told[name], limit)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _moment(told: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return None if is_missing(told[name]) else parse_moment(told[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _first_round_at(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    moments = [parse_moment(row["event_ts"]) for row in rows if not is_missing(row.get("event_ts"))]
    return min(moments, default=None)


def _player_kind(told: Mapping[str, Any], name: str) -> PlayerKind:
    if is_missing(told["player_kind"]):
        return historical_player_kind(name, is_test=False)
    for kind in PLAYER_KINDS:
        if told["player_kind"] == kind:
            return kind
    raise ValueError(f"player_kind {shown(told['player_kind'])} is none of {', '.join(PLAYER_KINDS)}")


def _origin(told: Mapping[str, Any]) -> Origin:
    if is_missing(told["origin"]):
        return "imported"
    for origin in ORIGINS:
        if told["origin"] == origin:
            return origin
    raise ValueError(f"origin {shown(told['origin'])} is none of {', '.join(ORIGINS)}")


def _alias(told: Mapping[str, Any]) -> PlayingAlias:
    if is_missing(told["model_alias"]) or told["model_alias"] == NO_MODEL:
        return "Production"
    for alias in PLAYING_ALIASES:
        if told["model_alias"] == alias:
            return alias
    raise ValueError(f"model_alias {shown(told['model_alias'])} is none of {', '.join(PLAYING_ALIASES)}")


def _model(told: Mapping[str, Any]) -> ModelIdentity | None:
    run_id = _text(told, "model_run_id", 32, "")
    version = _text(told, "model_version", 32, NO_MODEL_VERSION)
    return ModelIdentity(version, run_id) if run_id else None


def _opening(told: Mapping[str, Any]) -> tuple[Move, ...]:
    if is_missing(told["opening_seq"]):
        return ()
    try:
        moves = json.loads(str(told["opening_seq"]))
    except (ValueError, RecursionError):
        moves = None
    if not isinstance(moves, list) or len(moves) > 3 or not all(move in MOVES for move in moves):
        raise ValueError(f"opening_seq {shown(told['opening_seq'])} is no JSON list of at most three moves")
    return tuple(moves)
