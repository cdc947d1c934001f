"""The training dataset as arrays, with what is needed to split it without leaks."""

from dataclasses import dataclass

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
    """Examples in chronological order of their games, the rounds of one game next to each other.

    Attributes:
        features: float64 (n, 50), columns in contract order.
        labels: int64 (n,), index of the move the user played.
        games: int64 (n,), number of the game of each example, 0 for the oldest, never decreasing.
        fingerprint: identity of the examples.
    """

    features: FloatArray
    labels: IntArray
    games: IntArray
    fingerprint: str

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, fingerprint: str) -> "TrainingDataset":
        """Read a dataset frame: game_id, the 50 feature columns and label, rows in training order.

        Raises:
            ValueError: the rows of a game do not stand next to each other.
        """
        starts = frame["game_id"] != frame["game_id"].shift(1).fill_null("")
        games = starts.cum_sum().to_numpy().astype(np.int64) - 1
        if len(frame) and games[-1] + 1 != frame["game_id"].n_unique():
            raise ValueError("the rows of a game must stand next to each other in the dataset")
        return cls(
            features=np.ascontiguousarray(frame.select(CURRENT_CONTRACT.columns).to_numpy(), dtype=np.float64),
            labels=frame["label"].to_numpy().astype(np.int64),
            games=games,
            fingerprint=fingerprint,
        )
