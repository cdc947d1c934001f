"""Checks on the training dataset."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets import keys
from rps_assets.checks.results import verdict
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.moves import MOVES

if TYPE_CHECKING:
    import polars as pl

    from rps_assets.datasets import DatasetFolder, DatasetInfo

# People repeat themselves, but a move below this share means that labels were lost.
MIN_CLASS_SHARE = 0.1
MAX_CLASS_SHARE = 0.7


def newest_dataset(datasets: "DatasetFolder") -> tuple["DatasetInfo", "pl.DataFrame"]:
    """Return the newest dataset, its fingerprint computed again.

    Raises:
        DatasetError: there is none, or it holds other examples than its name says.
    """
    from rps_assets.datasets import DatasetError

    info = datasets.latest()
    if info is None:
        raise DatasetError("there is no dataset to check; materialise training/dataset first")
    return info, datasets.read(info, CURRENT_CONTRACT)


@dg.asset_check(
    asset=keys.DATASET,
    name="columns_equal_the_contract",
    blocking=True,
    description="The 50 feature columns stand in contract order, without nulls, NaN or infinities.",
)
def columns_equal_the_contract(datasets: dg.ResourceParam[Any]) -> dg.AssetCheckResult:
    """Compare the columns of the newest dataset with the contract."""
    import numpy as np

    _, frame = newest_dataset(datasets)
    features = [column for column in frame.columns if column in set(CURRENT_CONTRACT.columns)]
    finite = bool(np.isfinite(frame.select(features).to_numpy()).all())
    return verdict(
        tuple(features) == CURRENT_CONTRACT.columns and finite,
        expected={"columns": len(CURRENT_CONTRACT.columns), "first": CURRENT_CONTRACT.columns[0], "all_finite": True},
        found={"columns": len(features), "first": features[0] if features else None, "all_finite": finite},
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="every_move_has_a_fair_share",
    description=f"Each move is the label of {MIN_CLASS_SHARE:.0%} to {MAX_CLASS_SHARE:.0%} of the examples.",
)
def every_move_has_a_fair_share(datasets: dg.ResourceParam[Any]) -> dg.AssetCheckResult:
    """Look at the label shares of the newest dataset."""
    info, _ = newest_dataset(datasets)
    shares = {move: count / info.examples for move, count in zip(MOVES, info.label_counts, strict=True)}
    return verdict(
        all(MIN_CLASS_SHARE <= share <= MAX_CLASS_SHARE for share in shares.values()),
        expected={"least": MIN_CLASS_SHARE, "most": MAX_CLASS_SHARE},
        found=shares,
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.DATASET,
    name="all_selected_human_games_are_present",
    blocking=True,
    description="No human game that was selected got lost on the way into the dataset.",
)
def all_selected_human_games_are_present(datasets: dg.ResourceParam[Any]) -> dg.AssetCheckResult:
    """Compare the selection's human games with those of the newest dataset."""
    import polars as pl

    _, frame = newest_dataset(datasets)
    human = pl.col("player_kind") == "human"
    selected = set(datasets.read_games().filter(human)["game_id"])
    present = set(frame.filter(human)["game_id"])
    return verdict(
        selected == present,
        expected={"human_games": len(selected)},
        found={"human_games": len(present), "missing": sorted(selected - present)[:20]},
    )


DATA_CHECKS = [columns_equal_the_contract, every_move_has_a_fair_share, all_selected_human_games_are_present]
