"""Queries of training: the games that may train, and their rounds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Select, case, cast, exists, func, literal, select

from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.players import PlayerKind
from rps_core.store.counting import counts_for_training, is_counted_player
from rps_core.store.schema import events, games
from rps_core.store.types import UtcDateTime


def select_training_games(
    since: datetime,
    *,
    include_recordings: bool = False,
    player_kind: PlayerKind | None = None,
    newer_than: datetime | None = None,
    until: datetime | None = None,
) -> Select[Any]:
    """Select game_id, created_at, player_kind, player_name, easy_mode, examples of the games that may train.

    The newest games come first, and with `player_kind` no game is read before it is fetched: a caller that stops early
    pays only for what it fetched. `examples` is the number of rounds that a policy decided; a game without one is left
    out. Recordings often have no time, so they count as the oldest games of the window.

    Args:
        since: creation time of the oldest game; recordings may be older.
        include_recordings: also select recordings of other games.
        player_kind: select only games of this kind.
        newer_than: select only games created after this moment.
        until: select only games created up to this moment.
    """
    created_at = games.c.created_ts_utc
    decided = (events.c.game_id == games.c.id, events.c.step_no >= FIRST_POLICY_ROUND)
    query = (
        select(
            games.c.id.label("game_id"),
            case((created_at < since, literal(since, UtcDateTime)), else_=created_at).label("created_at"),
            games.c.player_kind,
            games.c.player_name,
            games.c.easy_mode,
            select(func.count()).select_from(events).where(*decided).scalar_subquery().label("examples"),
        )
        .where(counts_for_training(since, include_recordings=include_recordings), exists().where(*decided))
        .order_by(created_at.desc(), games.c.id.desc())
    )
    if player_kind is not None:
        query = query.where(games.c.player_kind == player_kind)
    if newer_than is not None:
        query = query.where(created_at > newer_than)
    return query if until is None else query.where(created_at <= until)


def select_whole_games(
    *, game_ids: Sequence[str] | None = None, created: tuple[datetime, datetime] | None = None
) -> Select[Any]:
    """Select game_id, created_at, easy_mode, has_ended, is_played, remembered_games of games of people and scripts.

    Args:
        game_ids: select only these games.
        created: select only games created from the first moment on and before the second.
    """
    query = select(
        games.c.id.label("game_id"),
        games.c.created_ts_utc.label("created_at"),
        games.c.easy_mode,
        cast(games.c.winner.is_not(None), Integer).label("has_ended"),
        cast(games.c.origin == "played", Integer).label("is_played"),
        games.c.remembered_games,
    ).where(games.c.is_test == 0, is_counted_player())
    if game_ids is not None:
        query = query.where(games.c.id.in_(game_ids))
    return (
        query
        if created is None
        else query.where(games.c.created_ts_utc >= created[0], games.c.created_ts_utc < created[1])
    )


def select_recordings() -> Select[Any]:
    """Select the ids of the recordings."""
    return select(games.c.id).where(games.c.origin == "recording")


def select_rounds(game_ids: Sequence[str] | None = None, between: tuple[int, int] | None = None) -> Select[Any]:
    """Select the rounds of games, those with ids above the first and up to the second number, or all rounds.

    Columns: game_id, round_no, user_move, bot_move, rock_pts, paper_pts, scissors_pts, user_score, bot_score. Scores
    are those after the round. They come in no particular order. The values of the games are other queries' work: a
    join would double the time.
    """
    query = select(
        events.c.game_id,
        events.c.step_no.label("round_no"),
        events.c.user_move,
        events.c.bot_move,
        events.c.round_rock_pts.label("rock_pts"),
        events.c.round_paper_pts.label("paper_pts"),
        events.c.round_scissors_pts.label("scissors_pts"),
        events.c.user_score,
        events.c.bot_score,
    )
    if between is not None:
        query = query.where(events.c.id > between[0], events.c.id <= between[1])
    return query if game_ids is None else query.where(events.c.game_id.in_(game_ids))
