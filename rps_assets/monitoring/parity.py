"""Parity of serving and training: stored predictions are computed again from the stored rounds and compared.

Features are computed as serving does, from a history, and as training does, from a table. Both must be equal to the
bit. Probabilities come from the graph of the run that is stored with each prediction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import polars as pl

from rps_assets.datasets.build import compute, round_schema
from rps_assets.datasets.feature_tables import TABLES
from rps_assets.training.onnx_export import run_onnx
from rps_core.bundle import Bundle
from rps_core.features.contract import CURRENT_CONTRACT, FeatureContract
from rps_core.features.rows import features_of_round
from rps_core.features.steps import person_counts
from rps_core.game.choice import Probabilities, sanitize_probabilities
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound
from rps_core.store.reports import PARITY_TOLERANCE

# Features by game and round.
Rows: TypeAlias = dict[tuple[str, int], list[float]]


class PlayedGame(NamedTuple):
    """A stored game with all its rounds, and the ids of the games that it remembers."""

    game_id: str
    easy_mode: bool
    rounds: tuple[PlayedRound, ...]
    remembered: tuple[str, ...] = ()


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
        return self.feature_difference == 0 and self.probability_difference <= PARITY_TOLERANCE


def measure_parity(
    games: Iterable[PlayedGame],
    predictions: Iterable[Predicted],
    bundle_of: Callable[[str], Bundle | None],
    earlier: Mapping[str, Sequence[PlayedRound]] | None = None,
) -> Parity:
    """Compute features and probabilities again and compare them.

    Args:
        games: the games of the predictions.
        predictions: the stored predictions.
        bundle_of: returns the bundle of a run, or None if it no longer exists.
        earlier: the rounds of the games that the games remember, by id.
    """
    played, remembered = list(games), earlier or {}
    known_rounds = {(game.game_id, no) for game in played for no in range(1, len(game.rounds) + 1)}
    by_run: dict[str, list[Predicted]] = defaultdict(list)
    for prediction in predictions:
        if (prediction.game_id, prediction.round_no) in known_rounds:
            by_run[prediction.run_id].append(prediction)
    unavailable, checked, largest, worst = dict[str, int](), 0, 0.0, "none"
    rows: dict[int, Rows] = {}
    for run_id, made in by_run.items():
        bundle = bundle_of(run_id)
        if bundle is None:
            unavailable[run_id] = len(made)
            continue
        checked += len(made)
        version = bundle.contract.version
        if version not in rows:
            rows[version] = _served_features(played, remembered, bundle.contract)
        differences = _probability_differences(bundle.onnx_bytes, made, rows[version])
        place = int(differences.argmax())
        if not differences[place] <= largest:
            largest, prediction = float(differences[place]), made[place]
            worst = f"game {prediction.game_id}, round {prediction.round_no}, {prediction.alias}, run {run_id}"
    if not rows and played:
        # Features can be compared even if no model is left.
        rows[CURRENT_CONTRACT.version] = _served_features(played, remembered, CURRENT_CONTRACT)
    feature_difference = max(
        (_feature_difference(played, remembered, served, version) for version, served in rows.items()), default=0.0
    )
    return Parity(checked, unavailable, feature_difference, largest, worst)


def _served_features(
    games: list[PlayedGame], earlier: Mapping[str, Sequence[PlayedRound]], contract: FeatureContract
) -> Rows:
    rows: Rows = {}
    for game in games:
        counts = person_counts(earlier[game_id] for game_id in game.remembered if game_id in earlier)
        for before, played in enumerate(game.rounds):
            rows[game.game_id, played.round_no] = features_of_round(
                contract, game.rounds[:before], played.points, easy_mode=game.easy_mode, remembered=counts
            )
    return rows


def _probability_differences(graph: bytes, made: list[Predicted], rows: Rows) -> np.ndarray[Any, np.dtype[np.float64]]:
    features = np.array([rows[prediction.game_id, prediction.round_no] for prediction in made], dtype=np.float32)
    outputs = run_onnx(graph, features).astype(np.float64).tolist()
    recomputed = [sanitize_probabilities(output) for output in outputs]
    stored = [prediction.probabilities for prediction in made]
    return np.asarray(np.abs(np.array(recomputed) - np.array(stored)).max(axis=1))


def _feature_difference(
    games: list[PlayedGame], earlier: Mapping[str, Sequence[PlayedRound]], rows: Rows, version: int
) -> float:
    if not rows:
        return 0.0
    table = TABLES[version]._replace(from_round=1)
    described = pl.DataFrame(
        {
            "game_id": [game.game_id for game in games],
            "easy_mode": [int(game.easy_mode) for game in games],
            "is_played": [True] * len(games),
            "remembered_games": [msgspec.json.encode(game.remembered).decode() for game in games],
        }
    )
    before = rounds_frame(PlayedGame(game_id, False, tuple(rounds)) for game_id, rounds in sorted(earlier.items()))
    trained = compute(described, rounds_frame(games), before, table)
    numbers = trained["round_no"].cast(pl.Int64)
    served = np.array([rows[key] for key in zip(trained["game_id"], numbers, strict=True)])
    return float(np.abs(served - trained.select(table.contract.columns).to_numpy()).max())


def rounds_frame(games: Iterable[PlayedGame]) -> pl.DataFrame:
    """Return the rounds of games with `round_schema`."""
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
            }
            for game in games
            for played in game.rounds
        ],
        schema=round_schema(),
    )
