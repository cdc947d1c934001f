"""The training dataset as arrays, with the game of each example so that splits do not leak."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT, FeatureContract

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# With fewer players, the folds of a cross-validation would hold too different people.
MIN_PLAYERS = 9


class NotEnoughExamples(RpsError):
    """There are too few examples, games or classes to train on."""


@dataclass(frozen=True)
class TrainingDataset:
    """Examples in chronological order of their games, with the rounds of a game next to each other.

    Attributes:
        features: float64 (n, columns), in the order of the contract.
        labels: int64 (n,), index of the move that the user played.
        games: int64 (n,), number of each example's game, from 0 for the oldest; never decreases.
        fingerprint: identity of the dataset.
        players: int64 (n,), number of each example's player; without it, each game counts as another player.
        contract: names and order of the features.
    """

    features: FloatArray
    labels: IntArray
    games: IntArray
    fingerprint: str
    players: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    contract: FeatureContract = CURRENT_CONTRACT

    @property
    def groups(self) -> IntArray:
        """What a cross-validation keeps together: players, or games if there are too few players."""
        return self.players if len(np.unique(self.players)) >= MIN_PLAYERS else self.games

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, fingerprint: str, contract: FeatureContract = CURRENT_CONTRACT) -> Self:
        """Convert a dataset frame: game_id, the columns of the contract and label, in training order.

        A column `player` says who played; without it, each game counts as another player.

        Raises:
            ValueError: the rows of a game are not next to each other.
        """
        starts = frame["game_id"] != frame["game_id"].shift(1).fill_null("")
        games = starts.cum_sum().to_numpy().astype(np.int64) - 1
        if len(frame) and games[-1] + 1 != frame["game_id"].n_unique():
            raise ValueError("the dataset mixes the rows of games; sort it by game and round")
        players = frame["player"].rank("dense").to_numpy().astype(np.int64) if "player" in frame.columns else games
        return cls(
            features=np.ascontiguousarray(frame.select(contract.columns).to_numpy(), dtype=np.float64),
            labels=frame["label"].to_numpy().astype(np.int64),
            games=games,
            fingerprint=fingerprint,
            players=players,
            contract=contract,
        )
