"""The features that a model reads: their names, their order and their version.

Models read positions, so the order is part of the contract. A later version adds a new `FeatureContract` and keeps this
one unchanged, because bundles that were trained on it are served until they are retrained.
"""

import hashlib
from typing import NamedTuple

from rps_core.game.moves import MOVES

LAGS = (1, 2, 3)
RESULTS = ("win", "lose", "draw")
# Contract 3. A step is how many places a move comes after the person's move before, a rank how many places after the
# most valuable move; both in the order of `rps_core.game.moves.places_after`, as are results.
STEPS = ("stay", "up", "down")
STEP_RESULTS = ("draw", "win", "lose")
RANKS = ("top", "low", "mid")


class FeatureContract(NamedTuple):
    """An ordered list of feature names with a version; `digest` is SHA-256 (hex) over both."""

    name: str
    version: int
    columns: tuple[str, ...]
    digest: str

    @property
    def predicts_steps(self) -> bool:
        """Whether models are fitted on steps from the person's last move; models of version 2 are fitted on moves."""
        return self.version >= 3

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


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


def _columns_v3() -> tuple[str, ...]:
    def of_steps(name: str, seen: bool = False) -> list[str]:
        return [f"{name}_{step}" for step in STEPS] + [f"{name}_seen"] * seen

    return (
        *(f"last_{move}" for move in MOVES),
        *of_steps("value"),
        *of_steps("top_is"),
        *(f"result_-{lag}_{result}" for lag in (1, 2) for result in STEP_RESULTS),
        *of_steps("step_-1"),
        *("same_move_run", "same_step_run", "win_streak", "lose_streak", "draw_streak"),
        *of_steps("recent"),
        *(
            column
            for context in ("result", "step", "pattern", "moves")
            for column in of_steps(f"after_{context}", True)
        ),
        *of_steps("habit"),
        *of_steps("beats_bot_habit"),
        *of_steps("beats_bot_step"),
        *of_steps("beats_bot_reply_after_result", True),
        *of_steps("rank", True),
        *of_steps("rank_after_result"),
        *of_steps("rank_after_rank"),
        *(f"last_rank_{rank}" for rank in RANKS),
        *of_steps("beats_bot_rank"),
        *("round_no", "score_diff", "user_pts_to_win", "bot_pts_to_win"),
    )


# Version 1 belongs to the original system: its lag -1 was the oldest of three moves, and training skipped the openings.
CONTRACT_V2 = _contract("rps-features", 2, _columns_v2())
CONTRACT_V3 = _contract("rps-features", 3, _columns_v3())
CURRENT_CONTRACT = CONTRACT_V3
# Bundles of all these contracts can be served.
CONTRACTS = {contract.version: contract for contract in (CONTRACT_V2, CONTRACT_V3)}


def contract_of_game(version: int | None) -> FeatureContract:
    """Return the contract that a game stores; games of earlier releases store none and have version 2."""
    return CONTRACTS.get(version or CONTRACT_V2.version, CURRENT_CONTRACT)
