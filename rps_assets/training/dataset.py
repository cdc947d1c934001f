"""The training dataset as arrays, with the game of each example so that splits do not leak."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class NotEnoughExamples(RpsError):
    """There are too few examples, games or classes to train on."""


@dataclass(frozen=True)
class TrainingDataset:
    """Examples in chronological order of their games, with the rounds of a game next to each other.

    Attributes:
        features: float64 (n, 50), columns in contract order.
        labels: int64 (n,), index of the move that the user played.
        games: int64 (n,), number of each example's game, from 0 for the oldest; never decreases.
        fingerprint: identity of the dataset.
    """

    features: FloatArray
    labels: IntArray
    games: IntArray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, fingerprint: str) -> Self:
        """Convert a dataset frame: game_id, the 50 feature columns and label, in training order.

        Raises:
            ValueError: the rows of a game are not next to each other.
        """
        starts = frame["game_id"] != frame["game_id"].shift(1).fill_null("")
        games = starts.cum_sum().to_numpy().astype(np.int64) - 1
        if len(frame) and games[-1] + 1 != frame["game_id"].n_unique():
            raise ValueError("the dataset mixes the rows of games; sort it by game and round")
        return cls(
            features=np.ascontiguousarray(frame.select(CURRENT_CONTRACT.columns).to_numpy(), dtype=np.float64),
            labels=frame["label"].to_numpy().astype(np.int64),
            games=games,
            fingerprint=fingerprint,
        )
