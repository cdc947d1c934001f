"""Datasets from frames of examples, as a training writes them."""

from typing import Any

import msgspec
import polars as pl

from rps_assets.datasets.dataset_folder import PLAYED, DatasetFolder, DatasetInfo, describe
from rps_core.features.contract import CURRENT_CONTRACT, FeatureContract

OF_GAME = ("game_id", "created_at", "player_kind")


def write_dataset(
    datasets: DatasetFolder, frame: pl.DataFrame, contract: FeatureContract = CURRENT_CONTRACT, **changes: Any
) -> tuple[DatasetInfo, bool]:
    """Store a frame of examples as a dataset; return its summary with `changes`, and whether it is new."""
    games = listed(datasets, frame, contract)
    info = msgspec.structs.replace(describe(games, contract, datasets.features(contract)), **changes)
    return info, datasets.write(games, info)


def listed(datasets: DatasetFolder, frame: pl.DataFrame, contract: FeatureContract = CURRENT_CONTRACT) -> pl.DataFrame:
    """Write the examples of a frame to the feature table; return its games as `DatasetFolder.write` takes them."""
    games = frame.select(OF_GAME).unique("game_id", keep="first", maintain_order=True)
    features = datasets.features(contract)
    written = features.write_file(games, frame.drop("created_at", "player_kind")).games
    kinds = games.select("game_id", "player_kind", player="game_id")
    return written.join(kinds, on="game_id", maintain_order="left").with_columns(weight=pl.lit(PLAYED))
