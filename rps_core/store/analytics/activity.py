"""Number of games that are being played now, and that ended in the last minutes."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, select

from rps_core.store.analytics.filters import GameFilter, as_text, unindexed
from rps_core.store.counting import counts_for_statistics
from rps_core.store.schema import events, games

ACTIVE_FOR = timedelta(minutes=30)
# Abandoned games stay unfinished for ever, and there are many, so only games that began recently are searched.
BEGAN_WITHIN = timedelta(days=1)


def active_games(connection: Connection, now: datetime) -> int:
    """Count the unfinished games of the last day with a round in the last half hour, without tests."""
    moved = exists().where(events.c.game_id == games.c.id, events.c.ts >= now - ACTIVE_FOR)
    query = select(func.count()).where(
        games.c.finished_ts.is_(None),
        games.c.created_ts_utc >= now - BEGAN_WITHIN,
        counts_for_statistics(),
        moved,
    )
    return connection.scalar(query) or 0


def finished_by_minute(connection: Connection, filters: GameFilter, now: datetime, minutes: int) -> dict[str, int]:
    """Count the games that ended in the last minutes, by minute in UTC, like ``2026-11-25T12:03``."""
    minute = func.substr(as_text(games.c.finished_ts), 1, 16)
    query = (
        select(minute, func.count())
        .where(games.c.finished_ts >= now - timedelta(minutes=minutes), *unindexed(filters))
        .group_by(minute)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
