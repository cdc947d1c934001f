"""Stored predictions computed again, offline, from the stored history: what was served is what was trained.

Features are built twice, as serving builds them (from a history) and as training does (from a table), and must be equal
to the bit. Probabilities come from the graph of the run that is stored with each prediction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from rps_assets.datasets.feature_frame import feature_frame
from rps_assets.training.onnx_export import run_onnx
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.history import features_from_history
from rps_core.game.choice import Probabilities, sanitize_probabilities
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound

TOLERANCE = 1e-6


class PlayedGame(NamedTuple):
    """A stored game with all its rounds."""

    game_id: str
    easy_mode: bool
    rounds: tuple[PlayedRound, ...]


class Predicted(NamedTuple):
    """A stored prediction."""

    game_id: str
    round_no: int
    alias: str
    run_id: str
    probabilities: Probabilities


class Parity(NamedTuple):
    """How stored predictions compare with recomputed ones.

    Attributes:
        checked: predictions that were computed again.
        unavailable: runs whose model cannot be had any more, with their number of predictions.
        feature_difference: largest difference between the two ways to build features.
        probability_difference: largest difference between a stored and a recomputed probability.
        worst: where that is: family of run, game, round, alias.
    """

    checked: int
    unavailable: dict[str, int]
    feature_difference: float
    probability_difference: float
    worst: str

    @property
    def holds(self) -> bool:
        """Whether features are equal and probabilities are within the tolerance."""
        return self.feature_difference == 0 and self.probability_difference <= TOLERANCE


def measure_parity(
    games: Iterable[PlayedGame], predictions: Iterable[Predicted], graph_of: Callable[[str], bytes | None]
) -> Parity:
    """Compute features and probabilities again and compare.

    Args:
        games: the games of the predictions.
        predictions: what is stored.
        graph_of: returns the ONNX graph of a run, or None where it cannot be had.
    """
    played = list(games)
    rows = {(game.game_id, no): row for game in played for no, row in _served_features(game).items()}
    by_run: dict[str, list[Predicted]] = defaultdict(list)
    for prediction in predictions:
        if (prediction.game_id, prediction.round_no) in rows:
            by_run[prediction.run_id].append(prediction)
    unavailable, checked, largest, worst = dict[str, int](), 0, 0.0, "none"
    for run_id, made in by_run.items():
        graph = graph_of(run_id)
        if graph is None:
            unavailable[run_id] = len(made)
            continue
        checked += len(made)
        differences = _probability_differences(graph, made, rows)
        place = int(differences.argmax())
        if not differences[place] <= largest:
            largest, one = float(differences[place]), made[place]
            worst = f"game {one.game_id}, round {one.round_no}, {one.alias}, run {run_id}"
    return Parity(checked, unavailable, _feature_difference(played, rows), largest, worst)


def _served_features(game: PlayedGame) -> dict[int, list[float]]:
    return {
        one.round_no: features_from_history(game.rounds[:before], one.points, one.round_no, game.easy_mode)
        for before, one in enumerate(game.rounds)
    }


def _probability_differences(
    graph: bytes, made: list[Predicted], rows: Mapping[tuple[str, int], list[float]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    features = np.array([rows[one.game_id, one.round_no] for one in made], dtype=np.float32)
    again = [sanitize_probabilities(answer) for answer in run_onnx(graph, features).astype(np.float64).tolist()]
    stored = [one.probabilities for one in made]
    return np.asarray(np.abs(np.array(again) - np.array(stored)).max(axis=1))


def _feature_difference(games: list[PlayedGame], rows: Mapping[tuple[str, int], list[float]]) -> float:
    if not rows:
        return 0.0
    trained = feature_frame(rounds_frame(games))
    served = np.array([rows[game_id, no] for game_id, no in trained.select("game_id", "round_no").iter_rows()])
    return float(np.abs(served - trained.select(CURRENT_CONTRACT.columns).to_numpy()).max())


def rounds_frame(games: Iterable[PlayedGame]) -> pl.DataFrame:
    """Return the rounds of games as the feature frame reads them."""
    return pl.DataFrame(
        [
            {
                "game_id": game.game_id,
                "round_no": one.round_no,
                "user_move": one.user_move,
                "bot_move": one.bot_move,
                **{f"{move}_pts": value for move, value in zip(MOVES, one.points, strict=True)},
                "user_score": one.user_score,
                "bot_score": one.bot_score,
                "easy_mode": int(game.easy_mode),
            }
            for game in games
            for one in game.rounds
        ]
    )
