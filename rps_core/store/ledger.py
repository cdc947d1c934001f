"""The promotion ledger in the store: one row per decision, appended and never changed."""

import json
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, func, insert, select
from sqlalchemy.exc import IntegrityError

from rps_core.errors import RpsError
from rps_core.game.families import Family
from rps_core.promotion.comparison import OpenComparison
from rps_core.promotion.ledger_entry import (
    SWAP,
    AliasAccuracy,
    AliasAssignment,
    AliasRanking,
    ComparedConfigurations,
    Decision,
    LedgerEntry,
)
from rps_core.store.engine import writing
from rps_core.store.schema import promotion_events

_JSON_FIELDS = {
    "alias_rankings": tuple[AliasRanking, ...],
    "alias_accuracies": tuple[AliasAccuracy, ...],
    "alias_assignments": tuple[AliasAssignment, ...],
}
# Fields that entries of other programs and of earlier releases lack.
_OPTIONAL_FIELDS = {"comparison": ComparedConfigurations, "open_comparison": OpenComparison}


class Overtaken(RpsError):
    """Another run has decided the cycle; nothing was written."""


class PromotionLedger:
    """Appends decisions to the ledger, and reads them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    def append(self, entry: LedgerEntry, payload: dict[str, Any] | None = None) -> int:
        """Store a decision and return its id; `payload` is the request that made it, stored verbatim.

        An entry with a cycle is stored once, also if it is appended again.

        Raises:
            Overtaken: another run has decided the cycle of this entry.
        """
        values: dict[str, Any] = {
            name: getattr(entry, name)
            for name in LedgerEntry.__struct_fields__
            if name not in {"id", "created_at", *_JSON_FIELDS, *_OPTIONAL_FIELDS}
        }
        values["reorder_applied"] = int(entry.reorder_applied)
        values["created_ts_utc"] = entry.created_at
        values |= {f"{name}_json": msgspec.json.encode(getattr(entry, name)).decode() for name in _JSON_FIELDS}
        for name in _OPTIONAL_FIELDS:
            part = getattr(entry, name)
            values[f"{name}_json"] = None if part is None else msgspec.json.encode(part).decode()
        values["payload_json"] = json.dumps(payload) if payload is not None else msgspec.json.encode(entry).decode()
        try:
            with self._writer.begin() as connection:
                key = connection.execute(insert(promotion_events).values(values)).inserted_primary_key
        except IntegrityError:
            if entry.cycle is None:
                raise
            return self.require_undecided(entry) or 0
        return int(key[0]) if key else 0

    def require_undecided(self, entry: LedgerEntry) -> int | None:
        """Return the id of this entry if another run has stored it, or None if its cycle is undecided.

        Raises:
            Overtaken: another run has decided the cycle.
        """
        newest = self.newest_decision(entry.model_type)
        if entry.cycle is None or newest is None or newest.cycle is None or newest.cycle < entry.cycle:
            return None
        mine = self.history(family=entry.model_type, since=entry.created_at, limit=100)
        for found in mine:
            if (found.cycle, found.created_at) == (entry.cycle, entry.created_at):
                return found.id
        raise Overtaken(
            f"{entry.model_type}: this run was overtaken: another run has made decision {entry.cycle} meanwhile; the "
            f"newest is decision {newest.cycle}, {newest.decision}, at {newest.created_at:%Y-%m-%d %H:%M:%S} UTC. "
            "This run has written nothing; no action is needed"
        )

    def newest_decision(self, family: Family) -> LedgerEntry | None:
        """Return the entry of a family with the highest cycle, if any; reports of other programs have none."""
        columns = promotion_events.c
        query = select(promotion_events).where(columns.model_type == family, columns.cycle.is_not(None))
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(columns.cycle.desc()).limit(1)).one_or_none()
        return None if row is None else _entry(row)

    def history(
        self,
        *,
        limit: int = 20,
        family: Family | None = None,
        decision: Decision | None = None,
        since: datetime | None = None,
        tested: bool = False,
    ) -> list[LedgerEntry]:
        """Return the newest decisions first, at most `limit`; each filter that is not None narrows them.

        With `tested`, decisions without a z statistic and a p-value are left out: they had too few games.
        """
        # Ordered by time, because entries imported from the original get higher ids than newer entries here.
        newest_first = (promotion_events.c.created_ts_utc.desc(), promotion_events.c.id.desc())
        query = select(promotion_events).order_by(*newest_first).limit(limit)
        if family is not None:
            query = query.where(promotion_events.c.model_type == family)
        if decision is not None:
            query = query.where(promotion_events.c.decision == decision)
        if since is not None:
            query = query.where(promotion_events.c.created_ts_utc >= since)
        if tested:
            query = query.where(promotion_events.c.z_statistic.is_not(None), promotion_events.c.p_value.is_not(None))
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def last_swap(self, family: Family) -> LedgerEntry | None:
        """Return the newest decision that exchanged Production and B of a family, if any."""
        return next(iter(self.history(limit=1, family=family, decision=SWAP)), None)

    def named_versions(self, listed_since: datetime | None) -> set[tuple[str, str]]:
        """Return family and version of each slot in the ledger, before and after each decision.

        An entry with a cycle names only the slots that it changed: it holds its evidence itself.

        Args:
            listed_since: older entries name only the slots that they changed; None lets every entry without a cycle
                name all its slots.
        """
        columns = promotion_events.c
        query = select(columns.model_type, columns.created_ts_utc, columns.cycle, columns.alias_assignments_json)
        named = set[tuple[str, str]]()
        with self._engine.connect() as connection:
            for family, at, cycle, text in connection.execute(query):
                slots = msgspec.json.decode(text, type=tuple[AliasAssignment, ...])
                listed = cycle is None and (listed_since is None or at >= listed_since)
                held = [(slot.version, slot.previous_version) for slot in slots if listed or slot.changed]
                named |= {(family, version) for both in held for version in both if version is not None}
        return named

    def cycles_since_swap(self, family: Family) -> int:
        """Return the number of decisions on a family since its last swap."""
        columns = promotion_events.c
        query = select(func.count()).select_from(promotion_events).where(columns.model_type == family)
        if (swap := self.last_swap(family)) is not None:
            at = swap.created_at
            query = query.where(
                (columns.created_ts_utc > at) | ((columns.created_ts_utc == at) & (columns.id > swap.id))
            )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def decisions_between(self, start: datetime, end: datetime) -> dict[tuple[str, str], int]:
        """Count the decisions from `start` until before `end`, by family and decision."""
        columns = promotion_events.c
        query = (
            select(columns.model_type, columns.decision, func.count())
            .where(columns.created_ts_utc >= start, columns.created_ts_utc < end)
            .group_by(columns.model_type, columns.decision)
        )
        with self._engine.connect() as connection:
            return {(family, decision): count for family, decision, count in connection.execute(query)}


def _entry(row: Row[Any]) -> LedgerEntry:
    values = {name: getattr(row, name) for name in LedgerEntry.__struct_fields__ if hasattr(row, name)}
    values["reorder_applied"] = bool(row.reorder_applied)
    for name, kind in _JSON_FIELDS.items():
        try:
            values[name] = msgspec.json.decode(getattr(row, f"{name}_json"), type=kind)
        except (msgspec.DecodeError, TypeError):
            # An imported row may hold invalid JSON; the decision itself is still valid.
            values[name] = ()
    for name, optional in _OPTIONAL_FIELDS.items():
        text = getattr(row, f"{name}_json")
        values[name] = None if text is None else msgspec.json.decode(text, type=optional)
    return LedgerEntry(created_at=row.created_ts_utc, **values)
