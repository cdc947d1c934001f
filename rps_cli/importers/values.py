"""Values of foreign files: lenient about form, strict about meaning.

Each parser raises a ValueError whose message repeats the value, shortened.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from rps_core.errors import RpsError
from rps_core.game.players import is_showable

# The time of games without one. It is older than every window, so they never count as recent.
UNKNOWN_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
YEARS = range(UNKNOWN_TIME.year, 2200)
MAX_SHOWN_CHARACTERS = 40
Parser: TypeAlias = Callable[[object], Any]
_Value = TypeVar("_Value")


class Unusable(RpsError):
    """A value cannot be used; `column` is the name of its column."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"{column}: {problem}")
        self.column = column


class Values:
    """A row of a foreign file; each value is parsed when it is read.

    Attributes:
        unreadable: the lenient columns whose value could not be parsed, so that it counts as missing.
    """

    def __init__(self, row: Mapping[str, object], parsers: Mapping[str, Parser], lenient: Collection[str] = ()) -> None:
        self._row, self._parsers, self._lenient = row, parsers, lenient
        self.unreadable: set[str] = set()

    def __getitem__(self, column: str) -> Any:
        """Return the value of a column, or None if it is missing.

        Raises:
            Unusable: it cannot be parsed, and the column is not lenient.
        """
        return None if is_missing(self._row.get(column)) else self.require(column)

    def require(self, column: str) -> Any:
        """Return the value of a column.

        Raises:
            Unusable: it is missing or cannot be parsed, and the column is not lenient.
        """
        try:
            return self._parsers[column](self._row.get(column))
        except ValueError as error:
            if column not in self._lenient:
                raise Unusable(column, str(error)) from error
            self.unreadable.add(column)
            return None

    def lacks(self, *columns: str) -> bool:
        """Return whether all these columns have no value."""
        return all(is_missing(self._row.get(column)) for column in columns)


def is_missing(value: object) -> bool:
    """Return whether a value is null or blank text."""
    return value is None or (isinstance(value, str) and not value.strip())


def quoted(value: object) -> str:
    """Return a foreign value for a message: on one line and short."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


def parse_moment(value: object) -> datetime:
    """Return a time from 1970 to 2199 in UTC. Text without a time zone is UTC, as the original system wrote it."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{quoted(value)} is not an ISO-8601 time") from None
    if moment.year not in YEARS:
        raise ValueError(f"{quoted(value)} is not a time between {YEARS.start} and {YEARS.stop - 1}")
    return moment


def parse_number(value: object) -> float:
    """Return a finite number."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # refused just below
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{quoted(value)} is not a number")
    return number


def parse_whole(value: object) -> int:
    """Return a whole number of at most nine digits."""
    number = parse_number(value)
    if number != int(number) or abs(number) >= 1e9:
        raise ValueError(f"{quoted(value)} is not a whole number")
    return int(number)


def parse_flag(value: object) -> bool:
    """Return a flag, written as true or false, or 1 or 0."""
    text = str(value).strip().lower().removesuffix(".0")
    if text not in {"true", "1", "false", "0"}:
        raise ValueError(f"{quoted(value)} is neither true nor false")
    return text in {"true", "1"}


def parse_text(value: object, limit: int) -> str:
    """Return printable text of at most `limit` characters without surrounding blanks."""
    if not isinstance(value, str | int):
        raise ValueError(f"{quoted(value)} is not text")
    text = str(value).strip()
    if len(text) > limit:
        raise ValueError(f"{quoted(text)} is longer than {limit} characters")
    if not is_showable(text):
        raise ValueError(f"{quoted(text)} contains control characters")
    return text


def parse_choice(value: object, choices: Sequence[_Value]) -> _Value:
    """Return the choice that equals a value."""
    if value not in choices:
        raise ValueError(f"{quoted(value)} is not one of {', '.join(map(str, choices))}")
    return choices[choices.index(value)]


def parse_list(value: object, limit: int, parse: Callable[[object], _Value]) -> tuple[_Value, ...]:
    """Return the items of a JSON list, at most `limit`."""
    try:
        items = json.loads(str(value))
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list) or len(items) > limit:
        raise ValueError(f"{quoted(value)} is not a JSON list of at most {limit} items")
    return tuple(map(parse, items))
