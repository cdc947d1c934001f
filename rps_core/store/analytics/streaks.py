"""Win streaks: how many games in a row a person won against the bots.

A streak belongs to a session, or to a name if no session was stored. The database concatenates the winners of each
session in the order of an index and returns the sessions with a long streak: a few hundred of 90,000.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, case, column, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.visitors import replacement_traverse

from rps_core.game.opponents import POLICIES
from rps_core.game.players import display_name_for
from rps_core.store.analytics.filters import (
    Exclusion,
    GameFilter,
    as_text,
    exclusion,
    finished,
    unindexed,
)
from rps_core.store.counting import counts_for_people, played_by_script
from rps_core.store.schema import games

# Searched first; if these sessions do not fill the list, all sessions with a win are searched.
LONG_STREAK = 4
# Limit of the names that were left out: a simulator invents thousands.
MAX_FILTERED_OUT = 50

_WON = "user"
_WON_IN_A_ROW = re.compile(f"(?:{_WON})+")


class Streak(msgspec.Struct, frozen=True):
    """A player's longest and current winning streak, in games."""

    username: str
    streak: int
    current_streak: int
    last_win_date: datetime | None
    total_games: int


class LeftOut(msgspec.Struct, frozen=True):
    """An excluded name, with the reason."""

    player: str
    reason: Exclusion


class Streaks(NamedTuple):
    """The longest streaks, and at most 50 names that were left out, with the reason."""

    players: list[Streak]
    filtered_out: list[LeftOut]


class _Run(NamedTuple):
    """The streaks of one session, or of one name if no session was stored."""

    session_id: str
    player_name: str | None
    longest: int
    current: int
    last_win_at: str | None
    total_games: int


def win_streaks(connection: Connection, filters: GameFilter, limit: int) -> Streaks:
    """Rank sessions by their longest streak, then by the current one; sessions without a win are left out."""
    conditions = [*unindexed(filters), games.c.winner.is_not(None), counts_for_people()]
    best = _best([*_runs_without_session(connection, conditions), *_runs(connection, conditions, limit)], limit)
    names = _names(connection, conditions, [run.session_id for run in best])
    return Streaks(
        [
            Streak(
                display_name_for(run.player_name or names.get(run.session_id), run.session_id),
                run.longest,
                run.current,
                datetime.fromisoformat(run.last_win_at) if run.last_win_at else None,
                run.total_games,
            )
            for run in best
            if run.longest
        ],
        _left_out(connection, filters),
    )


def _best(runs: list[_Run], limit: int) -> list[_Run]:
    return sorted(runs, key=lambda run: (-run.longest, -run.current, run.session_id, run.player_name or ""))[:limit]


def _runs(connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int) -> list[_Run]:
    """Return the leading sessions, without games that have only a name."""
    for at_least in (LONG_STREAK, 1):
        found = [
            (*_streaks_in(winners), session_id)
            for session_id, winners in _winners_by_session(connection, conditions, at_least)
        ]
        if len(found) >= limit:
            break
    found.sort(key=lambda streak: (-streak[0], -streak[1], streak[2]))
    streaks = {session_id: (longest, current) for longest, current, session_id in found[:limit]}
    last_win = func.max(case((games.c.winner == _WON, as_text(games.c.finished_ts))))
    query = (
        select(games.c.session_id, last_win, func.count())
        .where(*conditions, games.c.session_id.in_(streaks))
        .group_by(games.c.session_id)
    )
    return [_Run(session_id, None, *streaks[session_id], at, n) for session_id, at, n in connection.execute(query)]


def _winners_by_session(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], at_least: int
) -> list[tuple[str, str]]:
    """Return the sessions with a streak of at least this length, and their winners in order, like ``useruserbot``."""
    session_id: ColumnElement[str] = column("session_id")
    # A literal: with a parameter in each of two places, SQLite concatenates the rows twice.
    delimiter: ColumnElement[str] = literal_column("''")
    source: Any = games
    if connection.dialect.name == "sqlite":
        # This index yields the games of a session in the order of their ends, so SQLite does not sort.
        source = text("games INDEXED BY ix_games_session")
        winners = func.group_concat(column("winner"), delimiter)
    else:
        winners = func.string_agg(games.c.winner, aggregate_order_by(delimiter, games.c.finished_ts))
    query = (
        select(session_id, winners)
        .select_from(source)
        .where(*(_without_table(condition) for condition in conditions), session_id != "")
        .group_by(session_id)
        .having(winners.contains(_WON * at_least))
    )
    return [(session, found) for session, found in connection.execute(query)]


def _without_table(expression: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return an expression with the bare names of its columns, for a query whose table is text."""

    def bare(element: Any, **_: Any) -> ColumnElement[Any] | None:
        return column(element.name, element.type) if isinstance(element, Column) else None

    return replacement_traverse(expression, {}, bare)


def _streaks_in(winners: str) -> tuple[int, int]:
    """Return the longest and the current streak, from concatenated winners."""
    streaks = [len(streak) // len(_WON) for streak in _WON_IN_A_ROW.findall(winners)]
    return max(streaks, default=0), streaks[-1] if streaks and winners.endswith(_WON) else 0


def _runs_without_session(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[_Run]:
    query = (
        select(games.c.player_name, games.c.winner, as_text(games.c.finished_ts).label("at"))
        .where(*conditions, games.c.session_id == "")
        .order_by(games.c.player_name, games.c.finished_ts)
    )
    runs: list[_Run] = []
    for name, rows in groupby(connection.execute(query).all(), key=itemgetter(0)):
        played = list(rows)
        last_win = max((row.at for row in played if row.winner == _WON), default=None)
        runs.append(_Run("", name, *_streaks_in("".join(row.winner for row in played)), last_win, len(played)))
    return runs


def _names(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], sessions: Sequence[str]
) -> dict[str, str]:
    """Return the last name of each session, without names made from the session."""
    query = (
        select(games.c.session_id, games.c.player_name, func.max(as_text(games.c.finished_ts)))
        .where(*conditions, games.c.session_id.in_(sessions), games.c.player_name.is_not(None))
        .group_by(games.c.session_id, games.c.player_name)
        .order_by(func.max(as_text(games.c.finished_ts)))
    )
    made_up = {session: display_name_for(None, session) for session in sessions}
    return {session: name for session, name, _ in connection.execute(query) if name != made_up[session]}


def _left_out(connection: Connection, filters: GameFilter) -> list[LeftOut]:
    query = (
        select(games.c.player_name)
        .where(
            *finished(filters),
            played_by_script(),
            games.c.player_name.is_not(None),
            # These conditions hold for every game that counts. They let SQLite use the index of policies.
            games.c.bot_policy.in_(POLICIES),
            games.c.origin.in_(("played", "imported")),
            games.c.winner.in_(("user", "bot", "tie")),
        )
        .distinct()
        .order_by(games.c.player_name)
        .limit(MAX_FILTERED_OUT)
    )
    return [LeftOut(name, exclusion(name)) for name in connection.scalars(query)]
