"""Single games: the list of recent games, and their rounds as rows of an export."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from rps_core.game.players import display_name_for
from rps_core.store.analytics.filters import GameFilter, counted, unindexed
from rps_core.store.schema import events, games

EXPORT_ROWS_AT_A_TIME = 1_000


class ListedGame(msgspec.Struct, frozen=True):
    """A game in the list. Only operators get `session_id`, and the ids of running games."""

    game_id: str
    player_name: str
    policy: str
    model_alias: str
    easy_mode: bool
    user_score: float
    bot_score: float
    winner: str | None
    session_id: str | None
    created_ts: datetime
    finished_ts: datetime | None
    rounds: int


class ExportedRound(NamedTuple):
    """A round with all values that an import needs; the names are the original's if it exported the value.

    Attributes:
        event_id: id of the round; later rounds have higher ids.
        rock_pts, paper_pts, scissors_pts: value of the move in this round, in points.
        user_score, bot_score: points after the round.
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
    contract_version: int | None
    remembered_games: str | None


class ExportPage(NamedTuple):
    """The rounds of an export: the `rows` rounds that count with ids from `oldest_id` to `newest_id`."""

    oldest_id: int
    newest_id: int
    rows: int

    def after(self, portion: Sequence[ExportedRound]) -> "ExportPage":
        """Return the rest of the page after a portion; an empty portion ends the page."""
        if not portion:
            return self._replace(rows=0)
        return self._replace(newest_id=portion[-1].event_id - 1, rows=self.rows - len(portion))


def list_games(connection: Connection, filters: GameFilter, limit: int) -> list[ListedGame]:
    """Return the newest games first: finished games by their end, running games by their start."""
    chosen = select(games).where(*unindexed(filters)).limit(limit)
    # Two walks along an index are faster than one sort of all games.
    ended = chosen.where(games.c.finished_ts.is_not(None)).order_by(games.c.finished_ts.desc())
    running = chosen.where(games.c.finished_ts.is_(None)).order_by(games.c.created_ts_utc.desc())
    rows = [row for query in (ended, running) for row in connection.execute(query)]
    rows.sort(key=lambda row: (row.finished_ts or row.created_ts_utc, row.id), reverse=True)
    rounds = _rounds_played(connection, [row.id for row in rows[:limit]])
    return [_listed(row, rounds.get(row.id, 0)) for row in rows[:limit]]


def plan_export(connection: Connection, filters: GameFilter, limit: int, before_id: int | None = None) -> ExportPage:
    """Choose the `limit` newest rounds, or the newest ones with ids below `before_id`; the page may be empty."""
    chosen = select(events.c.id).select_from(events.join(games)).where(*counted(filters))
    if before_id is not None:
        chosen = chosen.where(events.c.id < before_id)
    page = chosen.order_by(events.c.id.desc()).limit(limit).subquery()
    oldest, newest, rows = connection.execute(
        select(func.min(page.c.id), func.max(page.c.id), func.count()).select_from(page)
    ).one()
    return ExportPage(oldest or 0, newest or 0, rows)


def export_portion(connection: Connection, filters: GameFilter, page: ExportPage) -> list[ExportedRound]:
    """Return the first rounds of a page, newest first; `ExportPage.after` returns the rest of the page."""
    query = (
        select(*(_exported(name) for name in ROUND_FIELDS))
        .select_from(events.join(games))
        .where(*counted(filters), events.c.id >= page.oldest_id, events.c.id <= page.newest_id)
        .order_by(events.c.id.desc())
        .limit(EXPORT_ROWS_AT_A_TIME)
    )
    rows = connection.execute(query).all()
    # The values of a game are read once, not with each of its dozen rounds.
    played = _exported_games(connection, {row.game_id for row in rows})
    return [
        ExportedRound._make(_in_order_of_fields((*row, *played[row.game_id]))) for row in rows if row.game_id in played
    ]


def _exported_games(connection: Connection, game_ids: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """Return the values of `GAME_FIELDS` for each game."""
    query = select(games.c.id, *(_exported(name) for name in GAME_FIELDS)).where(games.c.id.in_(game_ids))
    found: dict[str, tuple[Any, ...]] = {}
    for row in connection.execute(query):
        values = row._asdict() | {"model_switched": bool(row.model_switched), "easy_mode": bool(row.easy_mode)}
        found[row.id] = tuple(values[name] for name in GAME_FIELDS)
    return found


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

# The fields of the game are consecutive; those before and after them belong to the round.
_FIRST, _LAST = (ExportedRound._fields.index(name) for name in ("winner", "finished_at"))
GAME_FIELDS = ExportedRound._fields[_FIRST : _LAST + 1]
ROUND_FIELDS = tuple(name for name in ExportedRound._fields if name not in GAME_FIELDS)
# Arranges a row of `ROUND_FIELDS` and `GAME_FIELDS`. Passing the fields by name instead takes 60 % longer per round.
_in_order_of_fields = itemgetter(*((*ROUND_FIELDS, *GAME_FIELDS).index(name) for name in ExportedRound._fields))


def select_exported_rounds() -> Select[Any]:
    """Select the fields of `ExportedRound`, as columns with their names."""
    return select(*(_exported(name) for name in ExportedRound._fields)).select_from(events.join(games))


def _exported(name: str) -> ColumnElement[Any]:
    """Return the column of a field; it has the field's name unless `_EXPORT_SOURCES` names another."""
    source = _EXPORT_SOURCES.get(name)
    if source is None:
        source = events.c[name] if name in events.c else games.c[name]
    labelled: ColumnElement[Any] = source.label(name)
    return labelled
