"""When a family's next promotion decision is due: time and games since its last one, and evidence that suffices."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select

from rps_core.game.families import FAMILIES, Family
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.progress import comparison_progress
from rps_core.promotion.reasons import at_minute
from rps_core.promotion.rules import PromotionRules, counted_players
from rps_core.store.analytics.comparisons import read_comparison
from rps_core.store.counting import counts_for_promotion
from rps_core.store.ledger import PromotionLedger
from rps_core.store.schema import games as games_table

GAMES_COUNTED = 1_000


class FamilyDecision(NamedTuple):
    """The last decision about a family, and what has happened since.

    Attributes:
        decided_at: None before the first decision.
        games: games of the family that count for promotion and finished since; at most `GAMES_COUNTED` are counted.
        is_reached: whether the evidence suffices for a swap now.
    """

    decided_at: datetime | None
    games: int
    is_reached: bool = False

    def due_at(self, interval: timedelta) -> datetime | None:
        """Return when the next decision is due if games have finished; None if at once."""
        return None if self.decided_at is None or self.is_reached else self.decided_at + interval

    def is_due(self, interval: timedelta, now: datetime) -> bool:
        """Return whether a decision is due now."""
        due_at = self.due_at(interval)
        return self.games > 0 and (due_at is None or due_at <= now)


Decisions = Mapping[Family, FamilyDecision]


def family_decisions(store: Engine, rules: PromotionRules, now: datetime) -> dict[Family, FamilyDecision]:
    """Return the last decision of each family, and the games since."""
    ledger = PromotionLedger(store)
    newest = {family: _newest(ledger, family) for family in FAMILIES}
    with store.connect() as connection:
        return {family: _family_decision(connection, family, newest[family], rules, now) for family in FAMILIES}


def due_families(decisions: Decisions, interval: timedelta, now: datetime) -> tuple[Family, ...]:
    """Return the families whose decision is due now."""
    return tuple(family for family, decision in decisions.items() if decision.is_due(interval, now))


def waiting_sentence(decisions: Decisions, interval: timedelta) -> str:
    """Return how many games each family has had since its last decision, and when the next one is due."""
    parts = []
    for family, decision in decisions.items():
        games, due_at = f"{decision.games} games since the last decision", decision.due_at(interval)
        if decision.decided_at is not None:
            games += f" at {at_minute(decision.decided_at)}"
        if not decision.games:
            parts.append(f"{family}: {games}")
        elif due_at is None:
            parts.append(f"{family}: {games}, next decision now")
        else:
            parts.append(f"{family}: {games}, next decision at {at_minute(due_at)}")
    return "; ".join(parts)


def _newest(ledger: PromotionLedger, family: Family) -> LedgerEntry | None:
    return ledger.newest_decision(family) or next(iter(ledger.history(limit=1, family=family)), None)


def _family_decision(
    connection: Connection, family: Family, newest: LedgerEntry | None, rules: PromotionRules, now: datetime
) -> FamilyDecision:
    decided_at = newest.created_at if newest else None
    columns = games_table.c
    finished = select(columns.finished_ts).where(counts_for_promotion())
    if decided_at is None:
        finished = finished.where(columns.model_type == family)
    else:
        # The expression keeps SQLite from reading all games of the family instead of those that finished since.
        finished = finished.where(columns.finished_ts > decided_at, columns.model_type.concat("") == family)
    found = finished.limit(GAMES_COUNTED).subquery()
    games = int(connection.execute(select(func.count()).select_from(found)).scalar_one())
    reached = False
    # Only this policy may look at any time; the others decide at their interval.
    if games and rules.policy == "sequential" and newest is not None and newest.open_comparison is not None:
        counts = read_comparison(connection, family, newest.open_comparison, now).counts
        reached = comparison_progress(counted_players(counts, rules), rules).is_reached
    return FamilyDecision(decided_at, games, reached)
