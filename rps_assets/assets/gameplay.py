"""Assets gameplay/rounds (observed) and gameplay/scripted_games (played): the sources of the loop's data."""

import secrets
from typing import Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.columns import rounds_schema
from rps_assets.assets.declaration import asset
from rps_assets.assets.freshness import DAILY
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.resources.typed import Api, Operations, Services
from rps_core.settings import ServiceSettings
from rps_core.store.play_counts import GameplayCounts

ROUNDS_SPEC = dg.AssetSpec(
    key=keys.ROUNDS,
    deps=[keys.SCRIPTED_GAMES],
    group_name="gameplay",
    owners=keys.OWNERS,
    kinds={"sql"},
    metadata={"dagster/column_schema": rounds_schema()},
    description="The rounds that people and scripted players have played through the API, in the gameplay store. "
    "The API writes them; a sensor reports here when there are new ones.",
)


class ScriptedPlayConfig(dg.Config):
    """Options of a session of scripted play.

    Attributes:
        games: number of games; the default is SCRIPTED_GAMES.
        seed: seed of every random draw of the players; by default it is drawn, and shown in the metadata.
    """

    games: int | None = None
    seed: int | None = None


@asset(
    keys.SCRIPTED_GAMES,
    kinds={"http"},
    freshness_policy=DAILY,
    description="Games that the eight scripted players, Ace to Hal, play against the three opponents through the HTTP "
    "API, like any other client.",
)
def scripted_games(
    context: dg.AssetExecutionContext,
    config: ScriptedPlayConfig,
    operations_settings: Operations,
    service_settings: Services,
    api: Api,
) -> dg.MaterializeResult[None]:
    """Play the games."""
    from rps_core.simulation.simulator import plan_games, play_games

    if not api.is_up():
        raise dg.Failure(
            f"nobody can play, because the API at {api.address} does not answer; start it, then materialise again",
            allow_retries=False,
        )
    seed = secrets.randbits(32) if config.seed is None else config.seed
    plan = plan_games(config.games or operations_settings.scripted_games, seed=seed)
    report = play_games(api.base_url, plan, seed=seed)
    context.log.info(f"played {len(plan)} scripted games with seed {seed}")
    return dg.MaterializeResult(
        metadata={
            "games": len(plan),
            "seed": seed,
            "report": dg.MetadataValue.text(str(report)),
            "next": links.asset(service_settings, keys.ROUNDS),
        }
    )


def rounds_metadata(counts: GameplayCounts, services: ServiceSettings) -> dict[str, Any]:
    """Return the metadata of a report of new rounds."""
    metadata: dict[str, Any] = {
        "dagster/row_count": counts.rounds,
        "games": counts.games,
        "finished_games": counts.finished_games,
        "human_games": counts.human_games,
        "scripted_games": counts.scripted_games,
        "human_share_of_games": readable(counts.human_games / counts.games if counts.games else 0.0),
        "play": links.game(services),
        "next": links.asset(services, keys.TRAINING_GAMES),
    }
    if counts.last_round_at is not None:
        metadata["newest_round_at"] = dg.MetadataValue.timestamp(counts.last_round_at)
    return metadata
