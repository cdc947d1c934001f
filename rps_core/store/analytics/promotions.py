"""Numbers from the promotion ledger; `PromotionLedger` reads single entries."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from rps_core.game.families import FAMILIES
from rps_core.store.schema import promotion_events


class PromotionTotals(NamedTuple):
    """Ledger entries by family and decision, and reorders of the challengers by family."""

    decisions: dict[tuple[str, str], int]
    reorders: dict[str, int]


class Evidence(NamedTuple):
    """The newest z statistic and p-value of a family; an entry without enough games has neither."""

    z: float
    p: float


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


def newest_evidence(connection: Connection) -> dict[str, Evidence]:
    """Return the z statistic and p-value of each family's newest entry that has both."""
    columns = promotion_events.c
    found: dict[str, Evidence] = {}
    for family in FAMILIES:
        row = connection.execute(
            select(columns.z_statistic, columns.p_value)
            .where(columns.model_type == family, columns.z_statistic.is_not(None), columns.p_value.is_not(None))
            .order_by(columns.created_ts_utc.desc(), columns.id.desc())
            .limit(1)
        ).one_or_none()
        if row is not None:
            found[family] = Evidence(*row)
    return found
