"""Games one by one: the list of recent games, and the rounds as rows for an export."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from rps_core.game.players import display_name_for
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
    scores are those after it, `event_id` is the order in which rounds were stored.
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


class ExportPage(NamedTuple):
    """Which rounds an export holds: those that count with ids from `oldest_id` to `newest_id`, `rows` of them."""

    oldest_id: int
    newest_id: int
    rows: int

    def after(self, portion: Sequence[ExportedRound]) -> "ExportPage":
        """Return what is left of the page behind a portion; nothing where the portion is empty."""
        if not portion:
            return self._replace(rows=0)
        return self._replace(newest_id=portion[-1].event_id - 1, rows=self.rows - len(portion))


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


def plan_export(connection: Connection, filters: GameFilter, limit: int, before_id: int | None = None) -> ExportPage:
    """Choose the `limit` rounds stored last, or stored last before `before_id`; none makes an empty page."""
    chosen = select(events.c.id).select_from(events.join(games)).where(*counted(filters))
    if before_id is not None:
        chosen = chosen.where(events.c.id < before_id)
    page = chosen.order_by(events.c.id.desc()).limit(limit).subquery()
    oldest, newest, rows = connection.execute(
        select(func.min(page.c.id), func.max(page.c.id), func.count()).select_from(page)
    ).one()
    return ExportPage(oldest or 0, newest or 0, rows)


def export_portion(connection: Connection, filters: GameFilter, page: ExportPage) -> list[ExportedRound]:
    """Return the first rounds of a page, the one stored last first; `ExportPage.after` leads on."""
    query = (
        select(*(_exported(name) for name in (*_ROUND_BEFORE, *_ROUND_BEHIND)))
        .select_from(events.join(games))
        .where(*counted(filters), events.c.id >= page.oldest_id, events.c.id <= page.newest_id)
        .order_by(events.c.id.desc())
        .limit(EXPORT_ROWS_AT_A_TIME)
    )
    rows, first = connection.execute(query).all(), len(_ROUND_BEFORE)
    # What belongs to a game is read once, not with each of its dozen rounds.
    played = _exported_games(connection, {row.game_id for row in rows})
    return [
        ExportedRound._make((*row[:first], *played[row.game_id], *row[first:])) for row in rows if row.game_id in played
    ]


def _exported_games(connection: Connection, game_ids: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    query = select(games.c.id, *(_exported(name) for name in GAME_FIELDS)).where(games.c.id.in_(game_ids))
    flags = [GAME_FIELDS.index(name) for name in ("model_switched", "easy_mode")]
    found: dict[str, tuple[Any, ...]] = {}
    for game_id, *values in connection.execute(query):
        for flag in flags:
            values[flag] = bool(values[flag])
        found[game_id] = tuple(values)
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


# The fields of a game stand together among those of its round.
_FIRST, _LAST = (ExportedRound._fields.index(name) for name in ("winner", "finished_at"))
_ROUND_BEFORE = ExportedRound._fields[:_FIRST]
GAME_FIELDS = ExportedRound._fields[_FIRST : _LAST + 1]
_ROUND_BEHIND = ExportedRound._fields[_LAST + 1 :]


def select_exported_rounds() -> Select[Any]:
    """Select the fields of `ExportedRound`; those not renamed above stand under their own name in one table."""
    return select(*(_exported(name) for name in ExportedRound._fields)).select_from(events.join(games))


def _exported(name: str) -> ColumnElement[Any]:
    source = _EXPORT_SOURCES.get(name)
    if source is None:
        source = events.c[name] if name in events.c else games.c[name]
    labelled: ColumnElement[Any] = source.label(name)
    return labelled
