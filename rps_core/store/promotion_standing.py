"""Everything that a promotion decision about a family depends on, read from the store now."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Engine

from rps_core.game.families import Alias, Family
from rps_core.promotion.comparison import Counts, OpenComparison, continued_comparison
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.rules import PromotionRules, counted_players
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.store.analytics.comparisons import configuration_accuracies, read_comparison
from rps_core.store.ledger import PromotionLedger

_EVER = datetime.fromtimestamp(0, UTC)


def read_standing(
    store: Engine,
    family: Family,
    held: Mapping[Alias, SlotContent],
    newest: LedgerEntry | None,
    rules: PromotionRules,
    now: datetime,
) -> Standing:
    """Read everything that a decision depends on."""
    comparison = comparison_of(PromotionLedger(store), family, held, newest, now)
    is_new = newest is None or comparison != newest.open_comparison
    counts: Counts = {}
    with store.connect() as connection:
        if comparison is not None:
            comparison, counts = read_comparison(connection, family, comparison, now)
        group = counted_players(counts, rules).group
        accuracies = configuration_accuracies(connection, family, held, group)
    return Standing(held, comparison, is_new, counts, accuracies)


def comparison_of(
    ledger: PromotionLedger,
    family: Family,
    held: Mapping[Alias, SlotContent],
    newest: LedgerEntry | None,
    now: datetime,
) -> OpenComparison | None:
    """Return the comparison of the present slots: the ledger's, or one that starts because a configuration changed.

    In a ledger of an earlier release it starts where Production or B last changed, so that the stored games count.
    """
    configurations = {alias: content.configuration for alias, content in held.items()}
    known = newest.open_comparison if newest is not None else None
    since = None if newest is not None else _last_change(ledger, family)
    return continued_comparison(known, configurations, now, since)


def _last_change(ledger: PromotionLedger, family: Family) -> datetime:
    """Return when the ledger last changed Production or B."""
    return next((entry.created_at for entry in ledger.history(family=family, limit=500) if _moves(entry)), _EVER)


def _moves(entry: LedgerEntry) -> bool:
    moved: Iterable[str] = (slot.alias for slot in entry.alias_assignments if slot.changed)
    return not {"Production", "B"}.isdisjoint(moved)
