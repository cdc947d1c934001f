"""Splits that keep games whole: the examples of a game share its history, so a divided game would leak.

All functions take the game number of each example (int, never decreasing) and return positions of examples.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rps_assets.training.dataset import IntArray, NotEnoughExamples, TrainingDataset, positions

MIN_GAMES = 5
# Simulated people play at most half as many games each, one after the other, so most of them are in one block.
GAMES_A_BLOCK = 40
_NO_POSITIONS = np.empty(0, dtype=np.int32)


class Split(NamedTuple):
    """Positions (int32) of the examples of each part; `test` may be empty."""

    train: IntArray
    validation: IntArray
    test: IntArray

    def among(self, rows: IntArray) -> "Split":
        """Return the split of some rows of a larger dataset, as positions there."""
        return Split(rows[self.train], rows[self.validation], rows[self.test])


def chronological_holdout(games: IntArray) -> Split:
    """Split the examples 60/20/20 in order of time; each cut moves to the next start of a game.

    Raises:
        NotEnoughExamples: there are fewer than five games.
    """
    _require_games(games)
    starts = np.flatnonzero(np.diff(games, prepend=-1))
    first, second = (_cut(starts, len(games), share) for share in (0.6, 0.8))
    if second <= first:
        first = starts[np.searchsorted(starts, second) - 1]
    everything = np.arange(len(games), dtype=np.int32)
    return Split(everything[:first], everything[first:second], everything[second:])


def production_split(games: IntArray) -> Split:
    """Put every fifth game into validation and the others into training, so training covers the whole period.

    Raises:
        NotEnoughExamples: there are fewer than five games.
    """
    _require_games(games)
    validation = games % 5 == 4
    return Split(positions(~validation), positions(validation), _NO_POSITIONS)


def cross_validation_folds(games: IntArray, seed: int, n_folds: int = 3) -> list[Split]:
    """Assign games in random order, each to the fold with the fewest examples so far (ties: the first).

    Raises:
        NotEnoughExamples: there are fewer than five games.
    """
    _require_games(games)
    numbers, counts = np.unique(games, return_counts=True)
    sizes = [0] * n_folds
    fold_of_game = np.empty(len(numbers), dtype=np.int8)
    for position in np.random.default_rng(seed).permutation(len(numbers)):
        fold = sizes.index(min(sizes))
        fold_of_game[position] = fold
        sizes[fold] += int(counts[position])
    folds = fold_of_game[np.searchsorted(numbers, games)]
    return [Split(positions(folds != fold), positions(folds == fold), _NO_POSITIONS) for fold in range(n_folds)]


def _cut(starts: IntArray, rows: int, share: float) -> int:
    position = int(np.searchsorted(starts, int(rows * share)))
    # At least the last game stays behind the cut.
    return int(starts[min(position, len(starts) - 1)])


def production_split_of(dataset: TrainingDataset) -> Split:
    """Return the production split of what was played in a dataset.

    Raises:
        NotEnoughExamples: there are fewer than five games.
    """
    return production_split(dataset.games[dataset.played]).among(dataset.played)


def holdout_of(dataset: TrainingDataset) -> Split:
    """Return the chronological hold-out of what was played in a dataset.

    Raises:
        NotEnoughExamples: there are fewer than five games.
    """
    return chronological_holdout(dataset.games[dataset.played]).among(dataset.played)


def with_simulated(split: Split, games: IntArray, simulated: npt.NDArray[np.bool_]) -> Split:
    """Add the examples of simulated people to a split of played ones; the test part stays as it is.

    Four of five train. The others help to decide when a fit stops: the few games of a new installation cannot.
    """
    rows = positions(simulated)
    if not len(rows):
        return split
    stops = games[rows] // GAMES_A_BLOCK % 5 == 4
    return split._replace(
        train=np.concatenate([rows[~stops], split.train]), validation=np.concatenate([rows[stops], split.validation])
    )


def _require_games(games: IntArray) -> None:
    found = len(np.unique(games))
    if found < MIN_GAMES:
        raise NotEnoughExamples(f"the dataset has {found} games and needs {MIN_GAMES} to be split; play more games")
