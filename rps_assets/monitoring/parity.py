"""Parity of serving and training: stored predictions are computed again from the stored rounds and compared.

Features are computed as serving does, from a history, and as training does, from a table. Both must be equal to the
bit. Probabilities come from the graph of the run that is stored with each prediction.
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
    """Comparison of stored and recomputed predictions.

    Attributes:
        checked: number of predictions that were computed again.
        unavailable: number of predictions by run whose model no longer exists.
        feature_difference: largest difference between the two computations of features.
        probability_difference: largest difference between a stored and a recomputed probability.
        worst: game, round, alias and run of the largest probability difference.
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
    """Compute features and probabilities again and compare them.

    Args:
        games: the games of the predictions.
        predictions: the stored predictions.
        graph_of: returns the ONNX graph of a run, or None if it no longer exists.
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
            largest, prediction = float(differences[place]), made[place]
            worst = f"game {prediction.game_id}, round {prediction.round_no}, {prediction.alias}, run {run_id}"
    return Parity(checked, unavailable, _feature_difference(played, rows), largest, worst)


def _served_features(game: PlayedGame) -> dict[int, list[float]]:
    return {
        played.round_no: features_from_history(game.rounds[:before], played.points, played.round_no, game.easy_mode)
        for before, played in enumerate(game.rounds)
    }


def _probability_differences(
    graph: bytes, made: list[Predicted], rows: Mapping[tuple[str, int], list[float]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    features = np.array([rows[prediction.game_id, prediction.round_no] for prediction in made], dtype=np.float32)
    outputs = run_onnx(graph, features).astype(np.float64).tolist()
    recomputed = [sanitize_probabilities(output) for output in outputs]
    stored = [prediction.probabilities for prediction in made]
    return np.asarray(np.abs(np.array(recomputed) - np.array(stored)).max(axis=1))


def _feature_difference(games: list[PlayedGame], rows: Mapping[tuple[str, int], list[float]]) -> float:
    if not rows:
        return 0.0
    trained = feature_frame(rounds_frame(games))
    served = np.array([rows[game_id, no] for game_id, no in trained.select("game_id", "round_no").iter_rows()])
    return float(np.abs(served - trained.select(CURRENT_CONTRACT.columns).to_numpy()).max())


def rounds_frame(games: Iterable[PlayedGame]) -> pl.DataFrame:
    """Return the rounds of games as a table for `feature_frame`."""
    return pl.DataFrame(
        [
            {
                "game_id": game.game_id,
                "round_no": played.round_no,
                "user_move": played.user_move,
                "bot_move": played.bot_move,
                **{f"{move}_pts": value for move, value in zip(MOVES, played.points, strict=True)},
                "user_score": played.user_score,
                "bot_score": played.bot_score,
                "easy_mode": int(game.easy_mode),
            }
            for game in games
            for played in game.rounds
        ]
    )
