"""Win streaks: how many games in a row a person won against the bots.

A streak belongs to a session (to the name where no session was stored). No streak is longer than the session's number
of wins, so sessions are walked from the most wins downwards until the rest cannot reach the list any more: of 90,000
sessions a few hundred.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, select

from rps_core.players import display_name_for
from rps_core.store.analytics.filters import (
    Exclusion,
    GameFilter,
    as_text,
    exclusion,
    finished,
    unindexed,
)
from rps_core.store.schema import games

SESSIONS_AT_A_TIME = 50
# Longest list of names that were left out; a simulator invents thousands.
MAX_FILTERED_OUT = 50


class Streak(NamedTuple):
    """The streaks of one session: the longest, and the one that its last game leaves standing."""

    player_name: str
    longest: int
    current: int
    last_win_at: datetime | None
    total_games: int


class Streaks(NamedTuple):
    """The longest streaks, and who was left out of the list and why (at most 50 names)."""

    players: list[Streak]
    filtered_out: list[tuple[str, Exclusion]]


class _Run(NamedTuple):
    """The streaks of one session or, where none was stored, of one name."""

    session_id: str
    player_name: str | None
    longest: int
    current: int
    last_win_at: str | None
    total_games: int


def longest_and_current(winners: Iterable[str]) -> tuple[int, int]:
    """Return the longest streak and the one that stands, from the winners of games in order; a tie ends a streak."""
    longest = current = 0
    for winner in winners:
        current = current + 1 if winner == "user" else 0
        longest = max(longest, current)
    return longest, current


def win_streaks(connection: Connection, filters: GameFilter, limit: int) -> Streaks:
    """Rank sessions by their longest streak, then by the current one; sessions without a win are no streak."""
    conditions = [*unindexed(filters), games.c.winner.is_not(None), games.c.player_kind == "human"]
    best = _best(_runs_without_session(connection, conditions), limit)
    for sessions in _sessions_by_wins(connection, conditions):
        if len(best) >= limit and sessions[0].wins < best[-1].longest:
            break
        best = _best([*best, *_runs(connection, conditions, [row.session_id for row in sessions])], limit)
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


def _sessions_by_wins(
    connection: Connection, conditions: Sequence[ColumnElement[bool]]
) -> Iterator[Sequence[Row[Any]]]:
    wins = func.count().label("wins")
    query = (
        select(games.c.session_id, wins)
        .where(*conditions, games.c.session_id != "", games.c.winner == "user")
        .group_by(games.c.session_id)
        .order_by(wins.desc(), games.c.session_id)
    )
    with connection.execute(query.execution_options(stream_results=True)) as result:
        yield from result.partitions(SESSIONS_AT_A_TIME)


def _runs(connection: Connection, conditions: Sequence[ColumnElement[bool]], sessions: Sequence[str]) -> list[_Run]:
    query = (
        select(games.c.session_id, games.c.winner, as_text(games.c.finished_ts).label("at"))
        .where(*conditions, games.c.session_id.in_(sessions))
        .order_by(games.c.session_id, games.c.finished_ts)
    )
    played = groupby(connection.execute(query).all(), key=itemgetter(0))
    return [_run(session_id, None, [(row.winner, row.at) for row in rows]) for session_id, rows in played]


def _runs_without_session(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[_Run]:
    query = (
        select(games.c.player_name, games.c.winner, as_text(games.c.finished_ts).label("at"))
        .where(*conditions, games.c.session_id == "")
        .order_by(games.c.player_name, games.c.finished_ts)
    )
    played = groupby(connection.execute(query).all(), key=itemgetter(0))
    return [_run("", name, [(row.winner, row.at) for row in rows]) for name, rows in played]


def _run(session_id: str, name: str | None, played: Sequence[tuple[str, str]]) -> _Run:
    longest, current = longest_and_current(winner for winner, _ in played)
    last_win = max((at for winner, at in played if winner == "user"), default=None)
    return _Run(session_id, name, longest, current, last_win, len(played))


def _names(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], sessions: Sequence[str]
) -> dict[str, str]:
    """Return the name each session used last, made-up ones left out."""
    query = (
        select(games.c.session_id, games.c.player_name, func.max(as_text(games.c.finished_ts)))
        .where(*conditions, games.c.session_id.in_(sessions), games.c.player_name.is_not(None))
        .group_by(games.c.session_id, games.c.player_name)
        .order_by(func.max(as_text(games.c.finished_ts)))
    )
    made_up = {session: display_name_for(None, session) for session in sessions}
    return {session: name for session, name, _ in connection.execute(query) if name != made_up[session]}


def _left_out(connection: Connection, filters: GameFilter) -> list[tuple[str, Exclusion]]:
    query = (
        select(games.c.player_name)
        .where(*finished(filters), games.c.player_kind == "scripted", games.c.player_name.is_not(None))
        .distinct()
        .order_by(games.c.player_name)
        .limit(MAX_FILTERED_OUT)
    )
    return [(name, exclusion(name)) for name in connection.scalars(query)]
