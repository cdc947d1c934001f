"""Conversion of a dataset frame to arrays."""

import numpy as np
import polars as pl
import pytest

from rps_assets.training.dataset import TrainingDataset
from rps_core.features.contract import CURRENT_CONTRACT
from tests.builders.simulation import dataset_frame


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return dataset_frame(12)


def test_games_are_numbered_from_zero_in_the_order_of_the_rows(frame: pl.DataFrame) -> None:
    games = TrainingDataset.from_frame(frame, "f").games

    ids = frame["game_id"].unique(maintain_order=True)
    assert [ids[int(number)] for number in games] == frame["game_id"].to_list()


def test_columns_come_in_contract_order_regardless_of_their_order_in_the_frame(frame: pl.DataFrame) -> None:
    shuffled = frame.select("label", *reversed(CURRENT_CONTRACT.columns), "game_id")

    features = TrainingDataset.from_frame(shuffled, "f").features

    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    for position, column in enumerate(CURRENT_CONTRACT.columns):
        assert features[:, position].tolist() == frame[column].cast(pl.Float32).to_list(), column


def test_a_frame_that_mixes_the_rows_of_games_is_refused(frame: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match="mixes the rows of games"):
        TrainingDataset.from_frame(frame.sort("round_no"), "f")


def test_the_error_for_a_missing_contract_column_names_it(frame: pl.DataFrame) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="habit_up"):
        TrainingDataset.from_frame(frame.drop("habit_up"), "f")


def test_an_empty_frame_gives_an_empty_dataset(frame: pl.DataFrame) -> None:
    empty = TrainingDataset.from_frame(frame.head(0), "f")

    assert len(empty) == 0
    assert empty.features.shape == (0, 75)
