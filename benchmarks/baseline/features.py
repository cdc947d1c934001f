"""The features of the coming round as a pandas frame with one row.

Usual: models are trained on frames, so a row to predict is also built as a frame, from the whole game so far. Every
serving example of MLflow and scikit-learn passes a frame. The values are those of our contract.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.rows import features_of_round
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound, Points


def feature_frame(rounds: Sequence[dict[str, Any]], points: Points) -> pd.DataFrame:
    """Return the features of the coming round, float64 (1, 75), from the rounds of its game so far."""
    history = [_played(number, row) for number, row in enumerate(rounds, start=1)]
    features = features_of_round(CURRENT_CONTRACT, history, points)
    return pd.DataFrame([features], columns=list(CURRENT_CONTRACT.columns))


def _played(number: int, row: dict[str, Any]) -> PlayedRound:
    rock, paper, scissors = (row[f"{move}_pts"] for move in MOVES)
    return PlayedRound(
        number, row["user_move"], row["bot_move"], (rock, paper, scissors), row["user_score"], row["bot_score"]
    )
