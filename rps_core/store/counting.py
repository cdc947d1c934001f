"""Which games count, and for what: the one place that answers this question.

Each function returns a condition on `games`, or answers for a name. Three columns decide, and no round changes them:

- `player_kind`: human, scripted, simulated or test, stored with each game. Games of simulated people and test games
  count nowhere.
- `origin`: played here, imported from elsewhere, or a recording of another game.
- `is_test`: the original's mark of a test game. Everything that writes games also stores `player_kind` test with it,
  so only statistics and training check both; not every covering index carries the mark.
"""

import re
from datetime import datetime
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement, and_, func, or_

from rps_core.game.players import PlayerKind
from rps_core.store.schema import games

ExclusionReason: TypeAlias = Literal["legacy", "simulated"]

_SCRIPTED_NAMES = frozenset({"ace", "bob", "cal", "dan", "edd", "fox", "gus", "hal"})
_SIMULATED_NAMES = (
    re.compile(r"sim(\d+|\[\d+\]|\(\d+\))"),
    re.compile(r"sim[\w-]*\d[\w-]*.*", re.DOTALL),
    re.compile(r"simp.*\d.*", re.DOTALL),
    re.compile(r"sim\[.*", re.DOTALL),
)


def is_counted_player() -> ColumnElement[bool]:
    """Accept games of people and of scripted players."""
    # Two comparisons: a list of values would change which index SQLite uses.
    return and_(games.c.player_kind != "test", games.c.player_kind != "simulated")


def is_value_game() -> ColumnElement[bool]:
    """Accept any game under our rules, tests included: it can be looked up, played on and explained.

    A recording was played against another opponent or under other rules, so it can only train.
    """
    return games.c.origin != "recording"


def counts_for_statistics() -> ColumnElement[bool]:
    """Accept games that statistics show: no simulated people, no tests, no recordings."""
    return and_(games.c.is_test == 0, is_counted_player(), is_value_game())


def counts_for_people() -> ColumnElement[bool]:
    """Accept games of people; statistics of people combine it with `counts_for_statistics`."""
    return games.c.player_kind == "human"


def counts_for_versions() -> ColumnElement[bool]:
    """Accept games that show what a model version can do, and that fill the counts of play.

    Simulated people, tests and recordings are left out.
    """
    return and_(is_counted_player(), is_value_game())


def counts_for_promotion() -> ColumnElement[bool]:
    """Accept finished games that make a promotion cycle due: those that count for versions."""
    return and_(games.c.finished_ts.is_not(None), counts_for_versions())


def counts_for_ab_split() -> ColumnElement[bool]:
    """Accept games whose alias was drawn here: no simulated people, no tests, and nothing that was imported."""
    return and_(is_counted_player(), games.c.origin == "played")


def counts_for_training(since: datetime, *, include_recordings: bool) -> ColumnElement[bool]:
    """Accept games that may train: created since a moment, or recordings of any age if they are included.

    Tests do not train. Simulated people who play over HTTP do not train either: the graph plays its own.
    """
    recent = games.c.created_ts_utc >= since
    allowed = or_(recent, games.c.origin == "recording") if include_recordings else and_(recent, is_value_game())
    return and_(games.c.is_test == 0, is_counted_player(), allowed)


def played_by_script(player_name: str | None = None) -> ColumnElement[bool]:
    """Accept games of scripted players, or of the one with this name; upper and lower case are the same."""
    scripted = games.c.player_kind == "scripted"
    return scripted if player_name is None else and_(scripted, func.lower(games.c.player_name) == player_name.lower())


def kind_by_name(name: str) -> PlayerKind:
    """Return the kind of a player by the original's rule: its scripted players had fixed names."""
    return "human" if exclusion_reason(name) is None else "scripted"


def exclusion_reason(name: str) -> ExclusionReason | None:
    """Return why statistics of people leave out a name, by the original's rule; None for a person.

    Decides only the kind of games that carry none: imported ones, and with RPS_KINDS_BY_NAME those of clients that send
    none. Our own games store the kind of their player.
    """
    normalised = name.strip().lower()
    if normalised in _SCRIPTED_NAMES:
        return "legacy"
    return "simulated" if any(pattern.fullmatch(normalised) for pattern in _SIMULATED_NAMES) else None
