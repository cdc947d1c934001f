"""Times as files write them: ISO-8601, seconds since 1970 in any unit, dates of several countries."""

import re
from collections.abc import Iterable, Sequence

import polars

from rps_cli.importers.options import TIME_UNITS

ISO = "ISO-8601"
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_DAY_FIRST, _MONTH_FIRST = ("%d/%m/%Y", "%d/%m/%y"), ("%m/%d/%Y", "%m/%d/%y")
_OTHER_DATES = ("%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d", "%d-%m-%Y", "%d %b %Y", "%b %d, %Y", "%a, %d %b %Y")


def time_reader(values: Sequence[str], unit: str | None = None) -> str | None:
    """Return how to read times: a unit, a pattern or `ISO`; None if nothing fits all values, or two patterns do."""
    if not values:
        return None
    texts = polars.Series("t", values)
    numbers = texts.str.replace(",", ".").cast(polars.Float64, strict=False)
    if numbers.null_count() == 0:
        # From 1979 to 2128, so that the four units do not overlap.
        fitting = (name for name, size in TIME_UNITS.items() if (numbers * size).is_between(3e14, 5e15).all())
        return unit or next(fitting, None)
    if all(re.match(r"\d{4}-?\d\d-?\d\d", value) for value in values):
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
    trimmed = texts.str.replace(r" ?(UTC|GMT|Z)$", "")
    return trimmed.str.strptime(polars.Datetime("us"), reader, strict=False)


def unusable_times(values: Sequence[str]) -> str | None:
    """Return why values that look like times or numbers cannot be read as times."""
    if not values or not all(re.fullmatch(r"-?[\d.,eE+:/ ]+", value) for value in values):
        return None
    return "the day or the month may come first" if "/" in values[0] else "they are not times since 1970"
