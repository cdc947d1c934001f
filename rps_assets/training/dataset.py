"""The training dataset as arrays, with the game of each example so that splits do not leak."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from rps_assets.datasets.dataset_folder import PLAYED, is_of_prior
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT, FeatureContract

FloatArray = npt.NDArray[np.float64]
# Features as the models see them; float64 works too.
FeatureArray: TypeAlias = npt.NDArray[np.floating[Any]]
# Games, players and positions have 32 bits and labels 8: three million examples take 24 megabytes for each array of 64.
IntArray: TypeAlias = npt.NDArray[np.signedinteger[Any]]
# With fewer players, the folds of a cross-validation would hold too different people.
MIN_PLAYERS = 9
_ALIGNMENT = 64


class NotEnoughExamples(RpsError):
    """There are too few examples, games or classes to train on."""


@dataclass(frozen=True)
class TrainingDataset:
    """Examples in chronological order of their games, with the rounds of a game next to each other.

    Attributes:
        features: float32 (n, columns), in the order of the contract: what models and their graphs see.
        labels: int8 (n,), index of the move that the user played.
        games: int32 (n,), number of each example's game, from 0 for the oldest; never decreases.
        fingerprint: identity of the dataset.
        players: int32 (n,), number of each example's player; without it, each game counts as another player.
        contract: names and order of the features.
        weights: float64 (n,), weight of each example in a fit; without it, all count alike.
        simulated: bool (n,), examples of simulated people: they only train, and measure nothing.
        shared: what trainers derive from the dataset and use for all models that are fitted on it.
    """

    features: FeatureArray
    labels: IntArray
    games: IntArray
    fingerprint: str
    players: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    contract: FeatureContract = CURRENT_CONTRACT
    weights: FloatArray = field(default_factory=lambda: np.empty(0))
    simulated: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    shared: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Fill in what was left out."""
        defaults = {"players": self.games, "weights": np.ones(len(self)), "simulated": np.zeros(len(self), np.bool_)}
        for name, value in defaults.items():
            if len(getattr(self, name)) != len(self):
                object.__setattr__(self, name, value)

    @property
    def played(self) -> IntArray:
        """Positions of the examples that were played."""
        return positions(~self.simulated)

    @property
    def groups(self) -> IntArray:
        """What a cross-validation keeps together: players, or games if there are too few players."""
        return self.players if len(np.unique(self.players[self.played])) >= MIN_PLAYERS else self.games

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, fingerprint: str, contract: FeatureContract = CURRENT_CONTRACT) -> Self:
        """Convert a dataset frame, as `from_batches`."""
        return cls.from_batches([frame], len(frame), fingerprint, contract)

    @classmethod
    def from_batches(
        cls,
        batches: Iterable[pl.DataFrame],
        examples: int,
        fingerprint: str,
        contract: FeatureContract = CURRENT_CONTRACT,
    ) -> Self:
        """Gather frames with game_id, the columns of the contract and label, in training order.

        A column `player` says who played; without it, each game counts as another player. Without a column `weight`,
        all examples count alike. Player and weight are those of a game. Three million examples take a gigabyte, because
        only one batch at a time exists as a frame.

        Args:
            batches: the frames.
            examples: number of rows of all frames.
            fingerprint: identity of the dataset.
            contract: names and order of the features.

        Raises:
            ValueError: the rows of a game are not next to each other.
        """
        features, labels = aligned_zeros(examples, len(contract.columns)), np.empty(examples, np.int8)
        runs: list[pl.DataFrame] = []
        filled = 0
        for batch in batches:
            place = slice(filled, filled + len(batch))
            features[place] = batch.select(contract.columns).to_numpy()
            labels[place] = batch["label"].to_numpy()
            runs.append(_runs_of(batch))
            filled += len(batch)
        return cls._gathered(features, labels, pl.concat(runs), fingerprint, contract)

    @classmethod
    def _gathered(
        cls,
        features: FeatureArray,
        labels: IntArray,
        runs: pl.DataFrame,
        fingerprint: str,
        contract: FeatureContract,
    ) -> Self:
        numbers = runs["game_id"].rle_id().to_numpy().astype(np.int32)
        if len(runs) and numbers[-1] + 1 != runs["game_id"].n_unique():
            raise ValueError("the dataset mixes the rows of games; sort it by game and round")
        lengths = runs["examples"].to_numpy()
        return cls(
            features=features,
            labels=labels,
            games=np.repeat(numbers, lengths),
            fingerprint=fingerprint,
            players=np.repeat(runs["player"].rank("dense").to_numpy().astype(np.int32), lengths),
            contract=contract,
            weights=np.repeat(runs["weight"].to_numpy(), lengths),
            simulated=np.repeat(is_of_prior(runs).to_numpy(), lengths),
        )


def _runs_of(batch: pl.DataFrame) -> pl.DataFrame:
    """Return one row for the consecutive examples of a game: what they share, and how many they are."""
    defaults = {"player": pl.col("game_id"), "player_kind": pl.lit(""), "weight": pl.lit(PLAYED)}
    shared = batch.select(
        "game_id",
        **{name: pl.col(name) if name in batch.columns else default for name, default in defaults.items()},
        run=pl.col("game_id").rle_id(),
    )
    runs = shared.group_by("run", maintain_order=True)
    return runs.agg(pl.col("game_id", *defaults).first(), examples=pl.len().cast(pl.Int64)).drop("run")


def positions(chosen: npt.NDArray[np.bool_]) -> IntArray:
    """Return the positions of what is chosen, int32."""
    return np.flatnonzero(chosen).astype(np.int32)


def aligned_zeros(rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Return float32 zeros at an address that lets JAX use them without a copy."""
    buffer = np.zeros(rows * columns * 4 + _ALIGNMENT, dtype=np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + rows * columns * 4].view(np.float32).reshape(rows, columns)
