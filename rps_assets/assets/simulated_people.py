"""Asset training/simulated_people: games from which models learn before people play."""

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.metadata import links
from rps_assets.resources.typed import Datasets, Services, Training


@asset(
    keys.SIMULATED_PEOPLE,
    kinds={"numpy", "parquet"},
    tags={"layer": "selection"},
    description="Games of simulated people, drawn from types that were fitted on recordings and react to their "
    "opponent. One row for each round: game, person, number of the person's game, moves, values, scores. The opponents "
    "are uniform or know only the game they are in; our models never play here. The same seed, number and parameters "
    "give the same games, so they are played once.",
)
def simulated_people(
    context: dg.AssetExecutionContext, training_settings: Training, service_settings: Services, datasets: Datasets
) -> dg.MaterializeResult[None]:
    """Play the games of this release, unless they are stored, and compute their features."""
    from rps_assets.datasets.feature_tables import current_table
    from rps_assets.datasets.simulated_people import SEED, materialise, version_of
    from rps_core.simulation.people.population import shipped_population

    games, population = training_settings.training_simulated_games, shipped_population()
    version = version_of(population, games)
    is_new = games > 0 and materialise(datasets, games, current_table())
    rounds = datasets.read_simulated(version) if games else None
    context.log.info(f"{games} games of simulated people {'played' if is_new else 'are stored already'}")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": 0 if rounds is None else len(rounds),
            "games": games,
            "people": 0 if rounds is None else rounds["person"].n_unique(),
            "seed": SEED,
            "types_of_people": len(population.types),
            "source": population.source,
            "licence": population.licence,
            "new": is_new,
            "next": links.asset(service_settings, keys.DATASET),
        },
        data_version=dg.DataVersion(version),
    )
