"""Assets training/games and training/dataset: the games that train, and the list of their examples."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.columns import GAMES_SCHEMA, dataset_lineage, dataset_schema
from rps_assets.assets.declaration import asset
from rps_assets.assets.event_batch import log_together
from rps_assets.assets.features import day_reports
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.tables import table
from rps_assets.resources.typed import Cache, Datasets, Services, Store, Training
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.moves import MOVES
from rps_core.settings import ServiceSettings, TrainingSettings

if TYPE_CHECKING:
    from rps_assets.datasets.dataset_folder import DatasetInfo
    from rps_assets.datasets.feature_parts import FeatureFolder
    from rps_assets.datasets.training_games import NewerGames, SelectionSummary


@asset(
    keys.TRAINING_GAMES,
    deps=[keys.ROUNDS],
    kinds={"polars", "parquet"},
    tags={"layer": "selection"},
    metadata={"dagster/column_schema": GAMES_SCHEMA},
    description="The games that train: all human games and every n-th scripted game, newest first, in whole games up "
    "to the limit of examples. Test games never train.",
)
def training_games(
    context: dg.AssetExecutionContext,
    training_settings: Training,
    service_settings: Services,
    gameplay_store: Store,
    datasets: Datasets,
) -> dg.MaterializeResult[None]:
    """Select the games and store the selection for the dataset."""
    from rps_assets.datasets.selection import kept_games
    from rps_assets.datasets.training_games import select_games, summarise

    with gameplay_store.connect() as connection:
        planned = select_games(connection, training_settings)
    datasets.write_games(kept_games(planned), planned)
    summary = summarise(planned)
    context.log.info(f"{summary.games} of {len(planned)} games train, with {summary.examples} examples")
    return dg.MaterializeResult(metadata=selection_metadata(summary, training_settings, service_settings))


def selection_metadata(
    summary: "SelectionSummary", training: TrainingSettings, services: ServiceSettings
) -> dict[str, Any]:
    """Return the metadata of a selection: what was kept, and what was dropped for which reason."""
    return {
        "dagster/row_count": summary.games,
        "dagster/column_schema": GAMES_SCHEMA,
        "examples": summary.examples,
        "human_games": summary.human_games,
        "scripted_games": summary.scripted_games,
        "human_share_of_examples": readable(summary.human_examples / summary.examples if summary.examples else 0.0),
        "dropped_games": summary.dropped_games,
        "dropped": table(("reason", "games", "examples"), summary.dropped),
        "stride": training.training_scripted_game_stride,
        "next": links.asset(services, keys.DATASET),
    }


@asset(
    keys.DATASET,
    deps=[keys.TRAINING_GAMES, keys.SIMULATED_PEOPLE, keys.FEATURES, keys.ROUNDS],
    kinds={"polars", "parquet"},
    tags={"layer": "features"},
    metadata={"dagster/column_schema": dataset_schema()},
    code_version=f"{CURRENT_CONTRACT.name}-{CURRENT_CONTRACT.version}",
    description=f"One row of {len(CURRENT_CONTRACT.columns)} features and a label for each round of the selected "
    "games, from the fourth round on. Games of simulated people come first, with a weight that falls as people play. "
    "The name is a fingerprint of the contract, the examples and their weights: equal examples are the same dataset. "
    "The examples stay in training/features; the dataset lists its games.",
)
def training_dataset(
    context: dg.AssetExecutionContext,
    training_settings: Training,
    service_settings: Services,
    gameplay_store: Store,
    datasets: Datasets,
    model_cache: Cache,
) -> dg.MaterializeResult[None]:
    """Bring training/features up to date, find the examples of the selected games, and store the list."""
    from rps_assets.datasets.assembly import assemble
    from rps_assets.datasets.dataset_folder import describe, is_of_prior
    from rps_assets.datasets.feature_tables import current_table
    from rps_assets.datasets.in_use import fingerprints_in_use
    from rps_assets.datasets.training_games import newer_games

    now, table = datetime.now(UTC), current_table()
    features = datasets.features(table.contract)
    games, days = assemble(gameplay_store, datasets, table, training_settings, now, context.log.info)
    _report_days(context, features, days, training_settings, service_settings)
    played = games.filter(~is_of_prior(games))
    require_examples(int(played["examples"].sum()), len(played), training_settings.min_examples)
    info = describe(games, table.contract, features)
    is_new = datasets.write(games, info)
    in_use = fingerprints_in_use(model_cache, context.log.warning)
    pruned = [] if in_use is None else datasets.prune(in_use, table.contract, now)
    context.log.info(f"dataset {info.fingerprint} {'written' if is_new else 'already exists'}; pruned {len(pruned)}")
    with gameplay_store.connect() as connection:
        newer = newer_games(connection, training_settings, datasets.read_candidates())
    metadata = dataset_metadata(info, datasets.address(info), newer, service_settings)
    return dg.MaterializeResult(
        metadata=metadata | {"new": is_new, "pruned": len(pruned), "new_days_of_features": len(days)},
        data_version=dg.DataVersion(info.fingerprint),
    )


def _report_days(
    context: dg.AssetExecutionContext,
    features: "FeatureFolder",
    days: Collection[str],
    training: TrainingSettings,
    services: ServiceSettings,
) -> None:
    """Record the changed days of training/features as materialised; the first partition is the since-date."""
    first = training.training_data_since.strftime("%Y-%m-%d")
    log_together(context, list(day_reports(features, [day for day in days if day >= first], services)))


def require_examples(examples: int, games: int, required: int) -> None:
    """Check that there are enough examples for a dataset.

    Raises:
        Failure: there are too few.
    """
    if examples < required:
        raise dg.Failure(
            f"{examples} examples in {games} games; MIN_SUP_ROWS asks for {required}: play more games, then "
            "materialise again",
            metadata={"examples": examples, "required": required},
            allow_retries=False,
        )


def dataset_metadata(
    info: "DatasetInfo", address: str, newer: "NewerGames", services: ServiceSettings
) -> dict[str, Any]:
    """Return the metadata of a dataset."""
    shares = {move: count / info.examples for move, count in zip(MOVES, info.label_counts, strict=True)}
    return {
        "dagster/row_count": info.examples,
        "dagster/column_schema": dataset_schema(),
        "dagster/column_lineage": dataset_lineage(),
        "fingerprint": info.fingerprint,
        "path": dg.MetadataValue.path(address),
        "contract": f"{info.contract_name} version {info.contract_version} ({info.contract_digest[:12]}…)",
        "games": info.games,
        "simulated_games": info.prior_games,
        "simulated_examples": info.prior_examples,
        "simulated_weight": readable(info.prior_weight),
        "human_games": info.human_games,
        "scripted_games": info.scripted_games,
        "first_game_at": dg.MetadataValue.timestamp(info.first_game_at),
        "last_game_at": dg.MetadataValue.timestamp(info.last_game_at),
        "games_newer_than_the_selection": newer.games,
        "examples_newer_than_the_selection": newer.examples,
        "human_share_of_games": readable(info.human_games / info.games),
        **{f"share_{move}": readable(share) for move, share in shares.items()},
        **{f"next_{key.path[-1]}": links.asset(services, key) for key in keys.MODELS.values()},
    }
