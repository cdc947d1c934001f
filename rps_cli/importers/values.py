"""Parsers for single values of foreign files: lenient about form, strict about meaning."""

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from rps_core.game.gambits import OPENING_ROUNDS
from rps_core.game.moves import MOVES, Move
from rps_core.game.players import is_showable

# The time of games without one. It is older than every window, so they never count as recent.
UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(UNKNOWN_TIME.year, 2200)
MAX_SHOWN_CHARACTERS = 40
MAX_REMEMBERED_GAMES, MAX_GAME_ID_CHARACTERS = 24, 64
_Value = TypeVar("_Value")


def is_missing(value: object) -> bool:
    """Return whether a value is null or blank text."""
    return value is None or (isinstance(value, str) and not value.strip())


def quoted(value: object) -> str:
    """Return a foreign value for a message: on one line and short."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


def parse_optional(value: object, parse: Callable[[object], _Value]) -> _Value | None:
    """Return None for a missing value, and the parsed value otherwise.

    Raises:
        ValueError: the value cannot be parsed.
    """
    return None if is_missing(value) else parse(value)


def parse_or_none(value: object, parse: Callable[[object], _Value]) -> _Value | None:
    """Return the parsed value, or None if it is missing or cannot be parsed."""
    try:
        return parse_optional(value, parse)
    except ValueError:
        return None


def parse_moment(value: object) -> datetime:
    """Return a time in UTC. Text without a time zone is UTC, as the original system wrote it.

    Raises:
        ValueError: the value is not a time between 1970 and 2199.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{quoted(value)} is not an ISO-8601 time") from None
    if moment.year not in _YEARS:
        raise ValueError(f"{quoted(value)} is not a time between {_YEARS.start} and {_YEARS.stop - 1}")
    return moment


def parse_number(value: object) -> float:
    """Return a finite number.

    Raises:
        ValueError: the value is not a finite number.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # refused just below
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{quoted(value)} is not a number")
    return number


def parse_whole(value: object) -> int:
    """Return a whole number of at most nine digits.

    Raises:
        ValueError: the value is not a whole number, or is too large.
    """
    number = parse_number(value)
    if number != int(number) or abs(number) >= 1e9:
        raise ValueError(f"{quoted(value)} is not a whole number")
    return int(number)


def parse_flag(value: object) -> bool:
    """Return a flag, written as true or false, or 1 or 0.

    Raises:
        ValueError: the value is neither.
    """
    text = str(value).strip().lower()
    if text in {"true", "1"}:
        return True
    if text in {"false", "0"}:
        return False
    raise ValueError(f"{quoted(value)} is neither true nor false")


def parse_text(value: object, limit: int) -> str:
    """Return printable text without surrounding blanks.

    Raises:
        ValueError: the value is not text, is longer than `limit` characters, or contains control characters.
    """
    if not isinstance(value, str | int):
        raise ValueError(f"{quoted(value)} is not text")
    text = str(value).strip()
    if len(text) > limit:
        raise ValueError(f"{quoted(text)} is longer than {limit} characters")
    if not is_showable(text):
        raise ValueError(f"{quoted(text)} contains control characters")
    return text


def parse_choice(value: object, choices: Sequence[_Value]) -> _Value:
    """Return the choice that equals a value.

    Raises:
        ValueError: no choice does.
    """
    for choice in choices:
        if value == choice:
            return choice
    raise ValueError(f"{quoted(value)} is not one of {', '.join(map(str, choices))}")


def parse_opening(value: object) -> tuple[Move, ...]:
    """Return the moves of an opening, written as a JSON list.

    Raises:
        ValueError: the value is not a list of at most three moves.
    """
    try:
        moves = json.loads(str(value))
    except (ValueError, RecursionError):
        moves = None
    if not isinstance(moves, list) or len(moves) > OPENING_ROUNDS or not all(move in MOVES for move in moves):
        raise ValueError(f"{quoted(value)} is not a JSON list of at most three moves")
    return tuple(moves)


def parse_game_ids(value: object) -> tuple[str, ...]:
    """Return ids of games, written as a JSON list.

    Raises:
        ValueError: the value is not a list of at most 200 texts of 1 to 64 characters.
    """
    try:
        ids = json.loads(str(value))
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or len(ids) > MAX_REMEMBERED_GAMES:
        raise ValueError(f"{quoted(value)} is not a JSON list of at most {MAX_REMEMBERED_GAMES} ids")
    return tuple(parse_text(game_id, MAX_GAME_ID_CHARACTERS) for game_id in ids)
