"""Queries of sensors and training: the amount of play, and the games that may train."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, case, func, literal, not_, select

from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.store.counting import counts_for_training, counts_for_versions, is_value_game
from rps_core.store.schema import events, games
from rps_core.store.types import UtcDateTime


class GameplayCounts(NamedTuple):
    """The amount of play in the store. Test games count only in `test_games`, and recordings nowhere.

    The last round is the one stored last: an import may add rounds that are older than those already stored.
    """

    games: int
    finished_games: int
    human_games: int
    scripted_games: int
    test_games: int
    rounds: int
    last_round_at: datetime | None
    last_round_id: int


def gameplay_counts(connection: Connection) -> GameplayCounts:
    """Count games and rounds, without reading each round: sensors call this every few seconds."""
    finished_games = func.count(games.c.winner)
    kinds: dict[str, tuple[int, int]] = {
        kind: (total, finished)
        for kind, total, finished in connection.execute(
            select(games.c.player_kind, func.count(), finished_games)
            .where(is_value_game())
            .group_by(games.c.player_kind)
        )
    }
    human, scripted = kinds.get("human", (0, 0)), kinds.get("scripted", (0, 0))
    last = connection.execute(
        select(events.c.id, events.c.ts)
        .select_from(events.join(games))
        .where(counts_for_versions())
        .order_by(events.c.id.desc())
        .limit(1)
    ).one_or_none()
    return GameplayCounts(
        games=human[0] + scripted[0],
        finished_games=human[1] + scripted[1],
        human_games=human[0],
        scripted_games=scripted[0],
        test_games=kinds.get("test", (0, 0))[0],
        rounds=_counted_rounds(connection),
        last_round_at=None if last is None else last.ts,
        last_round_id=0 if last is None else last.id,
    )


def _counted_rounds(connection: Connection) -> int:
    """Return all rounds minus the few that do not count, which is ten times faster than counting the others."""
    every = connection.scalar(select(func.count()).select_from(events)) or 0
    left_out = select(games.c.id).where(not_(counts_for_versions()))
    return every - (
        connection.scalar(select(func.count()).select_from(events).where(events.c.game_id.in_(left_out))) or 0
    )


def select_training_games(since: datetime, *, include_recordings: bool = False) -> Select[Any]:
    """Select game_id, created_at, player_kind, player_name, easy_mode, examples of the games that may train.

    `examples` is the number of rounds that a policy decided; a game without one is left out. Recordings often have no
    time, so they count as the oldest games of the window: the first to be dropped if there are too many.
    """
    examples = func.count().label("examples")
    created_at = games.c.created_ts_utc
    return (
        select(
            games.c.id.label("game_id"),
            case((created_at < since, literal(since, UtcDateTime)), else_=created_at).label("created_at"),
            games.c.player_kind,
            games.c.player_name,
            games.c.easy_mode,
            examples,
        )
        .select_from(games.join(events))
        .where(
            counts_for_training(since, include_recordings=include_recordings),
            events.c.step_no >= FIRST_POLICY_ROUND,
        )
        .group_by(games.c.id)
        .order_by(games.c.created_ts_utc, games.c.id)
    )


def select_rounds(game_ids: Sequence[str] | None = None) -> Select[Any]:
    """Select the rounds of games, or all rounds, in no particular order.

    Columns: game_id, round_no, user_move, bot_move, rock_pts, paper_pts, scissors_pts, user_score, bot_score. Scores
    are those after the round. `select_training_games` returns the values of the games: a join would double the time.
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
    return query if game_ids is None else query.where(events.c.game_id.in_(game_ids))
