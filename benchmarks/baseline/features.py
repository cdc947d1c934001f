"""The fifty features as a pandas frame with one row.

Usual: models are trained on frames, so a row to predict is also built as a frame, from a dictionary. Every serving
example of MLflow and scikit-learn passes a frame. The values are those of our contract.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rps_core.features.contract import CONTRACT_V2, LAGS, RESULTS
from rps_core.game.moves import MOVES, round_result
from rps_core.game.scoring import TARGET_POINTS


def feature_frame(rounds: Sequence[dict[str, Any]], points: Sequence[float], round_no: int) -> pd.DataFrame:
    """Return the features of the coming round, float64 (1, 50), from the rounds of its game so far."""
    row: dict[str, float] = {}
    for lag in LAGS:
        past = rounds[-lag] if len(rounds) >= lag else None
        for move in MOVES:
            row[f"user_-{lag}_{move}"] = float(past is not None and past["user_move"] == move)
            row[f"bot_-{lag}_{move}"] = float(past is not None and past["bot_move"] == move)
        result = round_result(past["user_move"], past["bot_move"]) if past else None
        for name in RESULTS:
            row[f"res_-{lag}_{name}"] = float(result == name)
        for move, now in zip(MOVES, points, strict=True):
            row[f"points_-{lag}_{move}"] = past[f"{move}_pts"] if past else now
    row |= {f"{move}_pts": value for move, value in zip(MOVES, points, strict=True)}
    row |= _tendencies(rounds)
    user, bot = (rounds[-1]["user_score"], rounds[-1]["bot_score"]) if rounds else (0.0, 0.0)
    row |= {
        "score_diff": user - bot,
        "user_pts_to_win": max(0.0, TARGET_POINTS - user),
        "bot_pts_to_win": max(0.0, TARGET_POINTS - bot),
        "step_no": float(round_no),
        "easy_mode": 0.0,
    }
    return pd.DataFrame([row])[list(CONTRACT_V2.columns)]


def _tendencies(rounds: Sequence[dict[str, Any]]) -> dict[str, float]:
    names = ("tend_favored", "tend_fav_beater", "tend_fav_beater_beater")
    shares = dict.fromkeys([*(f"user_tend_{move}" for move in MOVES), *names], 0.0)
    for past in rounds:
        values = [past[f"{move}_pts"] for move in MOVES]
        step = (MOVES.index(past["user_move"]) - values.index(max(values))) % len(MOVES)
        shares[f"user_tend_{past['user_move']}"] += 1 / len(rounds)
        shares[names[step]] += 1 / len(rounds)
    return shares
