"""Reading single values of foreign files: lenient in form, strict in meaning."""

import math
from datetime import UTC, datetime
from typing import Final

from rps_core.game.players import PlayerKind
from rps_core.store.counting import exclusion_reason

# The moment of whatever has none. Lies before every window, so that nothing of unknown age counts as recent.
UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(UNKNOWN_TIME.year, 2200)
MAX_SHOWN_CHARACTERS = 40


def is_missing(value: object) -> bool:
    """Return whether a value says nothing: null, or text of blanks."""
    return value is None or (isinstance(value, str) and not value.strip())


def shown(value: object) -> str:
    """Return a foreign value as a message may quote it: on one line and short."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


def parse_moment(value: object) -> datetime:
    """Return a moment in UTC; text without a zone is UTC, as the original wrote it.

    Raises:
        ValueError: the value is no moment between 1970 and 2199.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(value)} is no ISO-8601 time") from None
    if moment.year not in _YEARS:
        raise ValueError(f"{shown(value)} is no time between {_YEARS.start} and {_YEARS.stop - 1}")
    return moment


def parse_number(value: object) -> float:
    """Return a finite number.

    Raises:
        ValueError: the value is none.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # refused just below
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is no number")
    return number


def parse_whole(value: object) -> int:
    """Return a whole number of at most nine digits.

    Raises:
        ValueError: the value is none.
    """
    number = parse_number(value)
    if number != int(number) or abs(number) >= 1e9:
        raise ValueError(f"{shown(value)} is no whole number")
    return int(number)


def parse_flag(value: object) -> bool:
    """Return a yes or no, written true/false or 1/0.

    Raises:
        ValueError: the value is neither.
    """
    text = str(value).strip().lower()
    if text in {"true", "1"}:
        return True
    if text in {"false", "0"}:
        return False
    raise ValueError(f"{shown(value)} is neither true nor false")


def parse_text(value: object, limit: int) -> str:
    """Return printable text without blanks around it.

    Raises:
        ValueError: the value is no text, is longer than `limit` characters, or holds control characters.
    """
    if not isinstance(value, str | int):
        raise ValueError(f"{shown(value)} is no text")
    text = str(value).strip()
    if len(text) > limit:
        raise ValueError(f"{shown(text)} is longer than {limit} characters")
    if not text.isprintable():
        raise ValueError(f"{shown(text)} holds control characters")
    return text


def historical_player_kind(name: str, *, is_test: bool) -> PlayerKind:
    """Return the kind of player of a game that was stored without one."""
    if is_test:
        return "test"
    return "human" if exclusion_reason(name) is None else "scripted"
