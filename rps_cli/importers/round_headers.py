"""The game itself, read from the rows of its rounds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

from rps_cli.importers.games import NO_MODEL, GameHeader
from rps_cli.importers.values import (
    UNKNOWN_TIME,
    parse_choice,
    parse_flag,
    parse_game_ids,
    parse_moment,
    parse_opening,
    parse_optional,
    parse_text,
    parse_whole,
    quoted,
)
from rps_core.features.contract import CONTRACTS
from rps_core.game.families import PLAYING_ALIASES, Family, ModelIdentity, PlayingAlias
from rps_core.game.opponents import OPPONENTS
from rps_core.game.players import PLAYER_KINDS, display_name_for
from rps_core.store.counting import kind_by_name
from rps_core.store.games import NO_MODEL_VERSION, StoredGame
from rps_core.store.round_columns import ROUND_FILE_COLUMNS
from rps_core.store.schema import ORIGINS, Origin

UNKNOWN_OPPONENT = "unknown"
_Value = TypeVar("_Value")


class _GameColumns:
    """The columns in which all rows of a game agree; errors name the column."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        columns = [column.name for column in ROUND_FILE_COLUMNS if column.of_game]
        self._values = {name: require_columns_agree(rows, name) for name in columns}

    def read(self, name: str, parse: Callable[[object], _Value]) -> _Value | None:
        """Return the parsed value of a column, or None if it is missing."""
        try:
            return parse_optional(self._values[name], parse)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    def read_text(self, name: str, limit: int) -> str:
        """Return the text of a column, empty if it is missing."""
        return self.read(name, partial(parse_text, limit=limit)) or ""

    def read_choice(self, name: str, choices: Sequence[_Value]) -> _Value | None:
        """Return the value of a column that has only some values, or None if it is missing."""
        return self.read(name, partial(parse_choice, choices=choices))


def require_columns_agree(rows: Sequence[Mapping[str, object]], column: str) -> object:
    """Return the value of a column in all rows of a game, or None if no row has one.

    Raises:
        ValueError: two rows have different values.
    """
    found = {str(value): value for row in rows if (value := row.get(column)) is not None and str(value).strip()}
    if len(found) > 1:
        first, second, *_ = found.values()
        raise ValueError(f"{column} is {quoted(first)} in one row and {quoted(second)} in another")
    return next(iter(found.values()), None)


def read_header(game_id: str, rows: Sequence[Mapping[str, Any]], *, is_classic: bool) -> GameHeader:
    """Return the header of a game, from the columns in which all its rows agree.

    A classic game, or a game against an unknown opponent, is a recording, even if the file says otherwise.

    Raises:
        ValueError: a value cannot be parsed, or differs between the rows.
    """
    columns = _GameColumns(rows)
    policy = columns.read_text("bot_policy", 64) or UNKNOWN_OPPONENT
    known = OPPONENTS.get(policy.lower())
    session_id = columns.read_text("session_id", 128) or game_id
    # Any name can be shown: characters that cannot be are left out, as in a game played here.
    name = columns.read("player_name", str) or ""
    origin: Origin = "recording"
    if known is not None and not is_classic:
        origin = columns.read_choice("origin", ORIGINS) or "imported"
    kind = columns.read_choice("player_kind", PLAYER_KINDS) or kind_by_name(name)
    new = StoredGame(
        id=game_id,
        session_id=session_id,
        player_name=display_name_for(name, session_id),
        player_kind=kind,
        policy=known.policy if known else policy,
        family=known.family if known else cast(Family, NO_MODEL),
        alias=_alias(columns),
        model=None if origin == "recording" else _model(columns),
        opening_name="",
        opening=columns.read("opening_seq", parse_opening) or (),
        created_at=columns.read("created_at", parse_moment) or _first_round_at(rows) or UNKNOWN_TIME,
        contract_version=columns.read("contract_version", _parse_contract),
        remembered_games=columns.read("remembered_games", parse_game_ids) or (),
    )
    return GameHeader(
        new,
        origin=origin,
        opening_name=columns.read_text("opening_name", 32) or None,
        easy_mode=columns.read("easy_mode", parse_flag) or False,
        winner=columns.read_text("winner", 40) or None,
        finished_at=columns.read("finished_at", parse_moment),
        model_switched=columns.read("model_switched", parse_flag),
    )


def _parse_contract(value: object) -> int:
    version = parse_whole(value)
    if version not in CONTRACTS:
        raise ValueError(f"{version} is not a version of the features; use {', '.join(map(str, CONTRACTS))}")
    return version


def _alias(columns: _GameColumns) -> PlayingAlias:
    alias = columns.read_choice("model_alias", (*PLAYING_ALIASES, NO_MODEL))
    return "Production" if alias is None or alias == NO_MODEL else cast(PlayingAlias, alias)


def _model(columns: _GameColumns) -> ModelIdentity | None:
    run_id = columns.read_text("model_run_id", 32)
    version = columns.read_text("model_version", 32) or NO_MODEL_VERSION
    return ModelIdentity(version, run_id) if run_id else None


def _first_round_at(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    moments = (parse_optional(row.get("event_ts"), parse_moment) for row in rows)
    return min(filter(None, moments), default=None)
