"""Numbers from the promotion ledger; `PromotionLedger` reads single entries."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from rps_core.store.schema import promotion_events


class PromotionTotals(NamedTuple):
    """Ledger entries by family and decision, and reorders of the challengers by family."""

    decisions: dict[tuple[str, str], int]
    reorders: dict[str, int]


def promotion_totals(connection: Connection) -> PromotionTotals:
    """Count the entries of the ledger."""
    columns = (promotion_events.c.model_type, promotion_events.c.decision)
    rows = connection.execute(
        select(*columns, func.count(), func.sum(promotion_events.c.reorder_applied)).group_by(*columns)
    ).all()
    reorders: dict[str, int] = {}
    for family, _, _, reordered in rows:
        reorders[family] = reorders.get(family, 0) + int(reordered)
    return PromotionTotals({(family, decision): total for family, decision, total, _ in rows}, reorders)
