"""Numbers of games by playing alias, counted in the store."""

from sqlalchemy import Engine, case, func, select

from rps_api.inference.schemas import AbStats
from rps_core.game.families import FAMILIES
from rps_core.settings import PlaySettings
from rps_core.store.counting import counts_for_ab_split
from rps_core.store.schema import games


def ab_stats(play: PlaySettings, engine: Engine) -> AbStats:
    """Count the games and the bot's wins of each playing alias."""
    won = func.coalesce(func.sum(case((games.c.winner == "bot", 1), else_=0)), 0)
    query = (
        select(games.c.bot_model_alias, func.count(), won)
        .where(counts_for_ab_split())
        .group_by(games.c.bot_model_alias)
    )
    with engine.connect() as connection:
        counted = {alias: (int(total), int(wins)) for alias, total, wins in connection.execute(query)}
    production, b = counted.get("Production", (0, 0)), counted.get("B", (0, 0))
    return AbStats(
        ab_testing_enabled=play.enable_ab_testing,
        split_ratio=play.ab_split_ratio,
        per_model_split_ratios={family: play.production_share(family) for family in FAMILIES},
        total_requests=production[0] + b[0],
        model_a_requests=production[0],
        model_b_requests=b[0],
        model_a_wins=production[1],
        model_b_wins=b[1],
        mode="alias_based",
        description="Games by playing alias: a is Production, b is B. The id of a game decides its alias.",
    )
