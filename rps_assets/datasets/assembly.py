"""A dataset from a selection of games: their examples in the feature table, in training order."""

from collections.abc import Callable
from datetime import datetime

import polars as pl
from sqlalchemy import Engine

from rps_assets.datasets.dataset_folder import PLAYED, DatasetFolder
from rps_assets.datasets.feature_tables import FeatureTable
from rps_assets.datasets.features import bring_up_to_date, locate
from rps_assets.datasets.simulated_people import weighted_prior
from rps_core.settings import TrainingSettings
from rps_core.store.analytics.training import select_recordings


def assemble(
    store: Engine,
    datasets: DatasetFolder,
    table: FeatureTable,
    training: TrainingSettings,
    now: datetime,
    log: Callable[[str], None],
) -> tuple[pl.DataFrame, list[str]]:
    """Bring the feature table up to date and find the examples of the last selection in it.

    Returns:
        The games of the dataset as `DatasetFolder.write` takes them, and the days of the table with new parts.

    Raises:
        DatasetError: no games have been selected yet.
    """
    selected, features = datasets.read_games(), datasets.features(table.contract)
    days = set(bring_up_to_date(store, features, table, now, log))
    first_day = ""
    if len(selected) and not training.training_include_recordings:
        # A selection counts recordings as created later than they are.
        first_day = selected["created_at"].min().strftime("%Y-%m-%d")  # type: ignore[union-attr]  # a datetime
    located, more = locate(store, features, table, selected, now, first_day)
    people = located.filter(pl.col("player_kind") == "human")
    if training.training_include_recordings:
        # They show no values, so they say nothing about most of what the prior knows.
        with store.connect() as connection:
            recordings = list(connection.scalars(select_recordings()))
        people = people.filter(~pl.col("game_id").is_in(recordings))
    prior = weighted_prior(datasets, table, training.training_simulated_games, int(people["examples"].sum()))
    played = located.with_columns(weight=pl.lit(PLAYED))
    # The prior is older than any game, so it comes first in training order.
    games = played if prior is None else pl.concat([prior.select(played.columns), played])
    return games, sorted(days | more)
