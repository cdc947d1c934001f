"""The amount of play in the store, advanced from a cursor: an answer costs what the new rounds cost.

The counts up to a watermark are a row of `settled_totals`, so they are counted again from zero after rounds were
deleted or games changed their kind. Rounds become settled a minute after they were first seen, because on PostgreSQL
a transaction may commit after another one that took a higher id.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from rps_core.store.analytics.filters import number_of
from rps_core.store.counting import counts_for_versions, is_value_game
from rps_core.store.engine import writing
from rps_core.store.schema import events, games, settled_totals
from rps_core.store.tallies import (
    ROUNDS_AT_A_TIME,
    SETTLE_AFTER,
    ends_its_game,
    last_round_id,
    last_round_id_before,
)

ROW = "play v1"
_ROW = select(settled_totals).where(settled_totals.c.name == ROW)


class GameplayCounts(NamedTuple):
    """The amount of play in the store.

    Test games count only in `test_games`; games of simulated people and recordings count nowhere. A game counts from
    its first round. The last round is the one stored last: an import may add rounds older than those already stored.
    """

    games: int
    finished_games: int
    human_games: int
    scripted_games: int
    test_games: int
    rounds: int
    last_round_at: datetime | None
    last_round_id: int


class _Counts(msgspec.Struct, frozen=True):
    """Counts of rounds up to an id, by kind of player; `last` is the id of the last round that counts."""

    rounds: dict[str, int] = {}
    started: dict[str, int] = {}
    finished: dict[str, int] = {}
    last: int = 0

    def plus(self, other: "_Counts") -> "_Counts":
        return _Counts(
            _sum(self.rounds, other.rounds),
            _sum(self.started, other.started),
            _sum(self.finished, other.finished),
            max(self.last, other.last),
        )


class _Settled(msgspec.Struct, frozen=True):
    """The stored row: the settled counts, and the newest round that was seen and when.

    The time is that of the epoch while the rounds up to `seen` are still being counted.
    """

    counts: _Counts
    seen: int
    seen_at: datetime = datetime.fromtimestamp(0, UTC)


def gameplay_counts(engine: Engine, now: datetime) -> GameplayCounts:
    """Return the amount of play; only rounds that are not settled yet are read."""
    watermark, counts = _settle(engine, now)
    with engine.connect() as connection:
        counts = counts.plus(_count(connection, watermark, last_round_id(connection)))
        at = connection.scalar(select(events.c.ts).where(events.c.id == counts.last)) if counts.last else None
    human, scripted = counts.started.get("human", 0), counts.started.get("scripted", 0)
    return GameplayCounts(
        games=human + scripted,
        finished_games=counts.finished.get("human", 0) + counts.finished.get("scripted", 0),
        human_games=human,
        scripted_games=scripted,
        test_games=counts.started.get("test", 0),
        rounds=counts.rounds.get("human", 0) + counts.rounds.get("scripted", 0),
        last_round_at=at,
        last_round_id=counts.last,
    )


def store_state(connection: Connection) -> str:
    """Return a text that changes when rounds are added or deleted, or when games change their kind. Reads two rows."""
    counting = connection.scalar(select(settled_totals.c.counting).where(settled_totals.c.name == ROW))
    return f"{counting}:{last_round_id(connection)}"


class SettledRounds(NamedTuple):
    """How far the store is settled.

    Attributes:
        counting: changes when rounds were deleted, or when a column changed that decides how a game counts.
        watermark: every round up to this id is visible; no transaction commits a round below it any more.
    """

    counting: str
    watermark: int


def settled_rounds(engine: Engine, now: datetime) -> SettledRounds:
    """Return how far the store is settled, after advancing the stored counts if it is time."""
    _settle(engine, now)
    with engine.connect() as connection:
        stored = connection.execute(_ROW).one_or_none()
    # Rounds were deleted a moment ago: nothing is settled until the next call.
    return SettledRounds("", 0) if stored is None else SettledRounds(stored.counting, stored.watermark)


def _settle(engine: Engine, now: datetime) -> tuple[int, _Counts]:
    """Advance the stored counts if it is time; return the watermark and the counts up to it.

    A killed process loses at most one portion, so even the first count of a large store comes to its end.
    """
    with engine.connect() as connection:
        stored = connection.execute(_ROW).one_or_none()
        settled = None if stored is None else _decoded(stored.payload_json)
        newest = last_round_id(connection)
        first = _Settled(_Counts(), last_round_id_before(connection, now - SETTLE_AFTER)) if settled is None else None
    if stored is None or settled is None:
        settled = first or _Settled(_Counts(), 0)
        counting, watermark = _start(engine, settled), 0
    else:
        counting, watermark = stored.counting, stored.watermark
    if now - settled.seen_at < SETTLE_AFTER or watermark == newest:
        return watermark, settled.counts
    counts = settled.counts
    if watermark == settled.seen:
        _save(engine, counting, watermark, watermark, _Settled(counts, newest, now))
    while watermark < settled.seen:
        end = min(watermark + ROUNDS_AT_A_TIME, settled.seen)
        with engine.connect() as connection:
            counts = counts.plus(_count(connection, watermark, end))
        reached = _Settled(counts, newest, now) if end == settled.seen else _Settled(counts, settled.seen)
        _save(engine, counting, watermark, end, reached)
        watermark = end
    return watermark, counts


def _start(engine: Engine, settled: _Settled) -> str:
    """Store the start of a count from zero and return its identity."""
    counting = uuid4().hex
    row = {"name": ROW, "counting": counting, "watermark": 0, "payload_json": _encoded(settled)}
    try:
        with writing(engine).begin() as connection:
            connection.execute(settled_totals.delete().where(settled_totals.c.name == ROW))
            connection.execute(insert(settled_totals), row)
    except IntegrityError:
        # Another process started at the same moment; what this one counts is not stored.
        return counting
    return counting


def _save(engine: Engine, counting: str, before: int, watermark: int, settled: _Settled) -> None:
    """Replace the counts, unless rounds were deleted in the meantime or another process counted further."""
    row = settled_totals.c
    same = (row.name == ROW) & (row.counting == counting) & (row.watermark == before)
    values = {"watermark": watermark, "payload_json": _encoded(settled)}
    with writing(engine).begin() as connection:
        connection.execute(update(settled_totals).where(same).values(values))


def _encoded(settled: _Settled) -> str:
    return msgspec.json.encode(settled).decode()


def _decoded(text: str) -> _Settled | None:
    try:
        return msgspec.json.decode(text, type=_Settled)
    except msgspec.DecodeError:
        return None


def _count(connection: Connection, after: int, until: int) -> _Counts:
    """Count the rounds with ids above `after` and up to `until`."""
    if until <= after:
        return _Counts()
    kind = games.c.player_kind
    # With only one bound, SQLite reads all games instead of these rounds.
    chosen = [events.c.id > after, events.c.id <= until, is_value_game()]
    played = events.join(games)
    query = select(kind, func.count(), number_of(events.c.step_no == 1)).select_from(played).where(*chosen)
    rows = connection.execute(query.group_by(kind)).all()
    ended = select(kind, func.count()).select_from(played).where(*chosen, *ends_its_game()).group_by(kind)
    newest = select(events.c.id).select_from(played).where(*chosen, counts_for_versions())
    return _Counts(
        rounds={row[0]: row[1] for row in rows},
        started={row[0]: row[2] for row in rows},
        finished={row[0]: row[1] for row in connection.execute(ended)},
        last=connection.scalar(newest.order_by(events.c.id.desc()).limit(1)) or 0,
    )


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {kind: one.get(kind, 0) + other.get(kind, 0) for kind in one.keys() | other.keys()}
