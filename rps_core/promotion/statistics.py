"""The statistics of a comparison of two win rates. Telemetry and evidence; deciding is `rps_core.promotion.policy`."""

import math
from typing import NamedTuple


class TwoProportionTest(NamedTuple):
    """A one-sided pooled two-proportion z test; both figures are None where the test says nothing."""

    z: float | None
    p: float | None


def two_proportion_z(b_wins: int, b_games: int, production_wins: int, production_games: int) -> TwoProportionTest:
    """Test whether B wins more often than Production.

    With q the pooled rate and s = sqrt(q(1-q)(1/n_B + 1/n_P)): z = (w_B/n_B - w_P/n_P) / s, and p is the upper tail of
    the standard normal at z, erfc(z/√2)/2. No games on a side, or a pooled rate of 0 or 1, gives neither.
    """
    if b_games == 0 or production_games == 0:
        return TwoProportionTest(None, None)
    pooled = (b_wins + production_wins) / (b_games + production_games)
    if pooled in {0.0, 1.0}:
        return TwoProportionTest(None, None)
    error = math.sqrt(pooled * (1 - pooled) * (1 / b_games + 1 / production_games))
    z = (b_wins / b_games - production_wins / production_games) / error
    return TwoProportionTest(z, 0.5 * math.erfc(z / math.sqrt(2)))
