"""Where promotions stand: games since the last decision, and the comparisons that are still open."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine, func, select

from rps_assets.serving.model_registry import ModelRegistry
from rps_core.game.families import Family, Slot
from rps_core.promotion.records import VersionRecord, records_by_version
from rps_core.settings import PromotionSettings
from rps_core.store.analytics.versions import version_performance
from rps_core.store.counting import counts_for_promotion
from rps_core.store.ledger import PromotionLedger
from rps_core.store.schema import games as games_table

GAMES_COUNTED = 1_000


class Comparison(NamedTuple):
    """Results of the versions in Production and B against the players who count; `games` are won or lost ones."""

    b_wins: int
    b_games: int
    production_wins: int
    production_games: int


def open_comparisons(
    registry: ModelRegistry, store: Engine, promotion: PromotionSettings, families: Iterable[Family]
) -> dict[Family, Comparison]:
    """Return the results of Production and B for each family that has both versions."""
    with store.connect() as connection:
        rows = version_performance(connection)
    held = registry.watch_aliased_versions()
    found = {}
    for family in families:
        challenger, champion = held.get(Slot(family, "B")), held.get(Slot(family, "Production"))
        if challenger and champion:
            records = records_by_version(rows, family, promotion.promotion_player_kinds)
            b, production = (records.get(one.version, VersionRecord()) for one in (challenger, champion))
            found[family] = Comparison(b.wins, b.decided_games, production.wins, production.decided_games)
    return found


def promotion_progress(store: Engine) -> tuple[datetime | None, int]:
    """Return the time of the newest ledger entry, and how many games that count for promotion finished since then.

    Counts at most `GAMES_COUNTED` games: one is enough to make a promotion cycle due.
    """
    newest = PromotionLedger(store).history(limit=1)
    decided_at = newest[0].created_at if newest else None
    finished = select(games_table.c.finished_ts).where(counts_for_promotion()).limit(GAMES_COUNTED)
    if decided_at is not None:
        finished = finished.where(games_table.c.finished_ts > decided_at)
    with store.connect() as connection:
        return decided_at, int(connection.execute(select(func.count()).select_from(finished.subquery())).scalar_one())
