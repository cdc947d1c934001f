"""Games one by one: the list of recent games, and the rounds as rows for an export."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from rps_core.players import display_name_for
from rps_core.store.analytics.filters import GameFilter, counted, unindexed
from rps_core.store.schema import events, games

EXPORT_ROWS_AT_A_TIME = 1_000


class ListedGame(NamedTuple):
    """A game in the list; scores in points, `winner` and `finished_at` None while it runs, `rounds` played so far."""

    game_id: str
    player_name: str
    policy: str
    model_alias: str
    easy_mode: bool
    user_score: float
    bot_score: float
    winner: str | None
    session_id: str
    created_at: datetime
    finished_at: datetime | None
    rounds: int


class ExportedRound(NamedTuple):
    """A round with everything that storing it again needs.

    Names are the original's where it exported the value; `rock_pts` to `scissors_pts` are the values of the round,
    scores are those after it, `event_id` is where a next page starts.
    """

    event_id: int
    game_id: str
    round_no: int
    player_move: str
    bot_move: str
    result: str
    rock_pts: float
    paper_pts: float
    scissors_pts: float
    user_score: float
    bot_score: float
    winner: str | None
    bot_policy: str
    model_alias: str
    model_version: str
    model_run_id: str | None
    model_switched: bool
    opening_name: str | None
    opening_seq: str | None
    easy_mode: bool
    origin: str
    player_kind: str
    player_name: str | None
    session_id: str
    created_at: datetime
    finished_at: datetime | None
    event_ts: datetime
    probability_source: str


def list_games(connection: Connection, filters: GameFilter, limit: int) -> list[ListedGame]:
    """Return the games that ended or began last, newest first; running games count from their start."""
    chosen = select(games).where(*unindexed(filters)).limit(limit)
    # Two walks along one index instead of one sort of everything.
    ended = chosen.where(games.c.finished_ts.is_not(None)).order_by(games.c.finished_ts.desc())
    running = chosen.where(games.c.finished_ts.is_(None)).order_by(games.c.created_ts_utc.desc())
    rows = [row for query in (ended, running) for row in connection.execute(query)]
    rows.sort(key=lambda row: (row.finished_ts or row.created_ts_utc, row.id), reverse=True)
    rounds = _rounds_played(connection, [row.id for row in rows[:limit]])
    return [_listed(row, rounds.get(row.id, 0)) for row in rows[:limit]]


def export_rounds(
    connection: Connection, filters: GameFilter, limit: int, before_event_id: int | None = None
) -> Iterator[list[ExportedRound]]:
    """Yield rounds in portions, the one stored last first, from the row before `before_event_id` on."""
    query = _select_export().where(*counted(filters)).order_by(events.c.id.desc()).limit(limit)
    if before_event_id is not None:
        query = query.where(events.c.id < before_event_id)
    with connection.execute(query.execution_options(stream_results=True)) as result:
        for portion in result.partitions(EXPORT_ROWS_AT_A_TIME):
            yield [
                ExportedRound(**row._mapping)._replace(
                    easy_mode=bool(row.easy_mode), model_switched=bool(row.model_switched)
                )
                for row in portion
            ]


def _rounds_played(connection: Connection, game_ids: list[str]) -> dict[str, int]:
    query = select(events.c.game_id, func.count()).where(events.c.game_id.in_(game_ids)).group_by(events.c.game_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def _listed(row: Row[Any], rounds: int) -> ListedGame:
    return ListedGame(
        row.id,
        display_name_for(row.player_name, row.session_id),
        row.bot_policy,
        row.bot_model_alias,
        bool(row.easy_mode),
        row.user_score,
        row.bot_score,
        row.winner,
        row.session_id,
        row.created_ts_utc,
        row.finished_ts,
        rounds,
    )


_EXPORT_SOURCES: dict[str, Any] = {
    "event_id": events.c.id,
    "round_no": events.c.step_no,
    "player_move": events.c.user_move,
    "rock_pts": events.c.round_rock_pts,
    "paper_pts": events.c.round_paper_pts,
    "scissors_pts": events.c.round_scissors_pts,
    "user_score": events.c.user_score,
    "bot_score": events.c.bot_score,
    "model_alias": games.c.bot_model_alias,
    "model_version": games.c.bot_model_version,
    "model_run_id": games.c.bot_model_run_id,
    "created_at": games.c.created_ts_utc,
    "finished_at": games.c.finished_ts,
    "event_ts": events.c.ts,
}


def _select_export() -> Select[Any]:
    """Select the fields of `ExportedRound`; those not renamed above stand under their own name in one table."""
    columns: list[ColumnElement[Any]] = []
    for name in ExportedRound._fields:
        source = _EXPORT_SOURCES.get(name)
        if source is None:
            source = events.c[name] if name in events.c else games.c[name]
        columns.append(source.label(name))
    return select(*columns).select_from(events.join(games))
