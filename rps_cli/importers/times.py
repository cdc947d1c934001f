"""Times as files write them: ISO-8601, seconds since 1970 in any unit, dates of several countries."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta

import polars

from rps_cli.importers.options import TIME_UNITS
from rps_cli.importers.values import UNKNOWN_TIME, YEARS, parse_moment, quoted

ISO = "ISO-8601"
# Times that Polars cannot write.
FAR_TIME = "before 1970 or after 2200"
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DAY_FIRST, _MONTH_FIRST = ("%d/%m/%Y", "%d/%m/%y"), ("%m/%d/%Y", "%m/%d/%y")
_OTHER_DATES = ("%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d", "%d-%m-%Y", "%d %b %Y", "%b %d, %Y", "%a, %d %b %Y")


def time_reader(values: Sequence[str], unit: str | None = None) -> str | None:
    """Return how to read times: a unit, a pattern or `ISO`; None if nothing fits all values, or two patterns do.

    `ISO` needs only one value that fits: a game with another one is skipped.
    """
    if not values:
        return None
    texts = polars.Series("t", values)
    numbers = texts.str.replace(",", ".").cast(polars.Float64, strict=False)
    if numbers.null_count() == 0:
        # From 1979 to 2128, so that the four units do not overlap.
        fitting = (name for name, size in TIME_UNITS.items() if (numbers * size).is_between(3e14, 5e15).all())
        return unit or next(fitting, None)
    if any(_iso_microseconds(value) is not None for value in values):
        return ISO

    def fitting_pattern(dates: Iterable[str]) -> str | None:
        patterns = (date + clock for date in dates for clock in _CLOCKS)
        return next(
            (p for p in patterns if polars.select(moment(polars.lit(texts), p)).to_series().null_count() == 0), None
        )

    day, month = fitting_pattern(_DAY_FIRST), fitting_pattern(_MONTH_FIRST)
    return None if day and month else day or month or fitting_pattern(_OTHER_DATES)


def moment(texts: polars.Expr, reader: str) -> polars.Expr:
    """Return texts as times in UTC, null if they cannot be read."""
    if reader in TIME_UNITS:
        number = texts.str.replace(",", ".").cast(polars.Float64, strict=False) * TIME_UNITS[reader]
        return polars.when(number.is_between(0, 7.2e15)).then(number).cast(polars.Int64).cast(polars.Datetime("us"))
    if reader == ISO:
        return texts.map_elements(_iso_microseconds, polars.Int64).cast(polars.Datetime("us"))
    found = texts.str.replace(r" ?(UTC|GMT|Z)$", "").str.strptime(polars.Datetime("us"), reader, strict=False)
    # %Y reads 24 as the year 24.
    return polars.when(found.dt.year().is_between(YEARS.start, YEARS.stop - 1)).then(found)


def why_unread(values: Sequence[str]) -> str:
    """Return why values cannot be read as times."""
    if FAR_TIME in values:
        return f"times are {FAR_TIME}"
    if all(re.fullmatch(r"-?[\d.,eE+]+", value) for value in values):
        return "they are not times since 1970"
    if all(re.match(r"\d{1,2}/\d{1,2}/\d", value) for value in values):
        return "the day or the month may come first"
    return f"{quoted(min(values))} has an unknown form"


def _iso_microseconds(text: str) -> int | None:
    """Return the microseconds since 1970 of an ISO-8601 time, or None if it is not one."""
    try:
        return (parse_moment(re.sub(" (UTC|GMT)$", "Z", text)) - UNKNOWN_TIME) // timedelta(microseconds=1)
    except ValueError:
        return None
