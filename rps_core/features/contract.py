"""The features that a model reads: their names, their order and their version.

Models read positions, so the order is part of the contract. A later version adds a new `FeatureContract` and keeps this
one unchanged, because bundles that were trained on it are served until they are retrained.
"""

import hashlib
from typing import NamedTuple

from rps_core.game.moves import MOVES

LAGS = (1, 2, 3)
RESULTS = ("win", "lose", "draw")


class FeatureContract(NamedTuple):
    """An ordered list of feature names with a version; `digest` is SHA-256 (hex) over both."""

    name: str
    version: int
    columns: tuple[str, ...]
    digest: str


def _contract(name: str, version: int, columns: tuple[str, ...]) -> FeatureContract:
    # One item a line, name and version first: anyone can compute the digest without this code.
    canonical = "\n".join((name, str(version), *columns))
    return FeatureContract(name, version, columns, hashlib.sha256(canonical.encode()).hexdigest())


def _columns_v2() -> tuple[str, ...]:
    lagged = [
        f"{prefix}_-{lag}_{value}"
        for prefix, values in (("user", MOVES), ("bot", MOVES), ("res", RESULTS))
        for lag in LAGS
        for value in values
    ]
    points = [f"{move}_pts" for move in MOVES] + [f"points_-{lag}_{move}" for lag in LAGS for move in MOVES]
    tendencies = [f"user_tend_{move}" for move in MOVES]
    favoured = ["tend_favored", "tend_fav_beater", "tend_fav_beater_beater"]
    state = ["score_diff", "user_pts_to_win", "bot_pts_to_win", "step_no", "easy_mode"]
    return (*lagged, *points, *tendencies, *favoured, *state)


# Version 1 belongs to the original system: its lag -1 was the oldest of three moves, and training skipped the openings.
CONTRACT_V2 = _contract("rps-features", 2, _columns_v2())
CURRENT_CONTRACT = CONTRACT_V2
