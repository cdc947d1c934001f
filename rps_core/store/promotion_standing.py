"""Everything that a promotion decision about a family depends on, read from the store now."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Engine

from rps_core.game.families import PLAYING_ALIASES, Alias, Family
from rps_core.promotion.comparison import Counts, OpenComparison, continued_comparison
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.rules import PromotionRules, counted_players
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.store.analytics.comparisons import configuration_accuracies, first_compared_at, read_comparison
from rps_core.store.ledger import PromotionLedger


def read_standing(
    store: Engine,
    family: Family,
    held: Mapping[Alias, SlotContent],
    newest: LedgerEntry | None,
    rules: PromotionRules,
    now: datetime,
) -> Standing:
    """Read everything that a decision depends on."""
    comparison = comparison_of(store, family, held, newest, now)
    is_new = newest is None or comparison != newest.open_comparison
    counts: Counts = {}
    with store.connect() as connection:
        if comparison is not None:
            comparison, counts = read_comparison(connection, family, comparison, now)
        group = counted_players(counts, rules).group
        accuracies = configuration_accuracies(connection, family, held, group)
    return Standing(held, comparison, is_new, counts, accuracies)


def comparison_of(
    store: Engine,
    family: Family,
    held: Mapping[Alias, SlotContent],
    newest: LedgerEntry | None,
    now: datetime,
) -> OpenComparison | None:
    """Return the comparison of the present slots: the ledger's, or one that starts because a configuration changed.

    In a ledger of an earlier release it starts where Production or B last changed, so that the stored games count. In
    an empty ledger it starts with the first game that counts.
    """
    configurations = {alias: content.configuration for alias, content in held.items()}
    known = newest.open_comparison if newest is not None else None
    since = None if newest is not None else _last_change(store, family, configurations)
    return continued_comparison(known, configurations, now, since)


def _last_change(store: Engine, family: Family, configurations: Mapping[Alias, str]) -> datetime | None:
    """Return when the ledger last changed Production or B, or else when their first game started."""
    history = PromotionLedger(store).history(family=family, limit=500)
    changed = next((entry.created_at for entry in history if _moves(entry)), None)
    if changed is not None:
        return changed
    with store.connect() as connection:
        return first_compared_at(connection, family, configurations)


def _moves(entry: LedgerEntry) -> bool:
    moved: Iterable[str] = (slot.alias for slot in entry.alias_assignments if slot.changed)
    return not set(PLAYING_ALIASES).isdisjoint(moved)
