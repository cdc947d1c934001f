"""How many games are being played now."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, select

from rps_core.store.schema import events, games

ACTIVE_FOR = timedelta(minutes=30)
# Only games that began lately are looked at: abandoned ones stay unfinished for ever, and there are many.
BEGAN_WITHIN = timedelta(days=1)


def active_games(connection: Connection, now: datetime) -> int:
    """Count the unfinished games of the last day in which a round was played in the last half hour; tests apart."""
    moved = exists().where(events.c.game_id == games.c.id, events.c.ts >= now - ACTIVE_FOR)
    query = select(func.count()).where(
        games.c.finished_ts.is_(None),
        games.c.created_ts_utc >= now - BEGAN_WITHIN,
        games.c.is_test == 0,
        games.c.player_kind != "test",
        games.c.origin != "recording",
        moved,
    )
    return connection.scalar(query) or 0
