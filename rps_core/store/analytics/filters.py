"""The games of a statistic: those that count (`rps_core.store.counting`), in a window, and matching the filters.

Statistics of people also leave out scripted players, by the kind that each game stores. The original used the names and
lost a person called Dan. Its rule remains only to infer the kind of imported games, and to say why a name is left out.
"""

from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Integer, String, case, func, literal, type_coerce

from rps_core.errors import InvalidDifficulty
from rps_core.store.counting import ExclusionReason, counts_for_statistics, exclusion_reason
from rps_core.store.schema import games

PLACEHOLDER_NAME = "Player"

Exclusion: TypeAlias = ExclusionReason | Literal["scripted"]
Difficulty: TypeAlias = Literal["standard", "easy"]

_DIFFICULTIES: dict[str, bool] = {"standard": False, "normal": False, "easy": True}


class GameFilter(NamedTuple):
    """The window and the filters of a statistic; None does not filter."""

    since: datetime
    policy: str | None = None
    easy_mode: bool | None = None
    player_name: str | None = None


def parse_difficulty(text: str | None) -> bool | None:
    """Return whether a difficulty filter selects easy games; None selects all.

    Raises:
        InvalidDifficulty: the filter is not standard, normal or easy.
    """
    if text is None:
        return None
    found = _DIFFICULTIES.get(text.strip().lower())
    if found is None:
        raise InvalidDifficulty(f"unknown difficulty_mode {text[:40]!r}; choose one of {', '.join(_DIFFICULTIES)}")
    return found


def difficulty_of(easy_mode: Any) -> Difficulty:
    """Return the name of a difficulty, from the column `easy_mode`."""
    return "easy" if easy_mode else "standard"


def exclusion(player_name: str | None) -> Exclusion:
    """Return why a non-human player is left out, in the original's words if its rule knows the name."""
    return exclusion_reason(player_name or "") or "scripted"


# In the order of `ix_games_policy`, so that a GROUP BY does not sort.
RESULT_COLUMNS = (games.c.bot_policy, games.c.player_kind, games.c.origin, games.c.winner, games.c.easy_mode)


def counted(filters: GameFilter) -> list[ColumnElement[bool]]:
    """Return the conditions for games that count and match the filters."""
    conditions: list[ColumnElement[bool]] = [
        counts_for_statistics(),
        games.c.created_ts_utc >= filters.since,
    ]
    if filters.policy is not None:
        conditions.append(games.c.bot_policy == filters.policy)
    if filters.easy_mode is not None:
        conditions.append(games.c.easy_mode == int(filters.easy_mode))
    if filters.player_name is not None:
        conditions.append(games.c.player_name == filters.player_name)
    return conditions


def finished(filters: GameFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of `counted` for games with a result: the denominator of every rate."""
    return [*counted(filters), games.c.winner.is_not(None)]


def unindexed(filters: GameFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of `counted`, with the one on the opponent hidden from the choice of an index.

    Use it for queries that walk another index: SQLite would otherwise sort the third of all games that one opponent
    has.
    """
    conditions = counted(filters._replace(policy=None))
    return conditions if filters.policy is None else [*conditions, games.c.bot_policy.concat("") == filters.policy]


def number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Return the SQL expression that counts the rows that meet a condition; 0 without rows."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), literal(0, Integer))


def as_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a time column as stored text, for queries that compare many times and return few."""
    return type_coerce(column, String)


def percent(part: int, whole: int) -> float:
    """Return a share in percent with two decimals; 0 if the whole is 0."""
    return round(100 * part / whole, 2) if whole else 0.0
