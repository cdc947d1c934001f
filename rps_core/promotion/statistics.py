"""Statistics of rates: comparison of two win rates, and bounds of one rate."""

import math
from statistics import NormalDist
from typing import NamedTuple

BOUND_CONFIDENCE = 0.95
# One-sided confidence of each end of a two-sided 95 % interval.
_END_CONFIDENCE = 0.975


class TwoProportionTest(NamedTuple):
    """Result of a one-sided pooled two-proportion z test; both values are None if the test is not defined."""

    z: float | None
    p: float | None


def two_proportion_z(b_wins: int, b_games: int, production_wins: int, production_games: int) -> TwoProportionTest:
    """Test whether B wins more often than Production.

    With the pooled rate q and s = sqrt(q(1-q)(1/n_B + 1/n_P)), z = (w_B/n_B - w_P/n_P) / s, and p = erfc(z/√2)/2 is the
    upper tail of the standard normal at z. Without games on a side, or with a pooled rate of 0 or 1, both are None.
    """
    if b_games == 0 or production_games == 0:
        return TwoProportionTest(None, None)
    pooled = (b_wins + production_wins) / (b_games + production_games)
    if pooled in {0.0, 1.0}:
        return TwoProportionTest(None, None)
    error = math.sqrt(pooled * (1 - pooled) * (1 / b_games + 1 / production_games))
    z = (b_wins / b_games - production_wins / production_games) / error
    return TwoProportionTest(z, 0.5 * math.erfc(z / math.sqrt(2)))


def wilson_lower_bound(successes: int, trials: int, confidence: float = BOUND_CONFIDENCE) -> float:
    """Return the one-sided lower bound of a rate by Wilson; 0 without successes.

    With p = k/n and the quantile z of the confidence: (p + z²/2n - z √(p(1-p)/n + z²/4n²)) / (1 + z²/n). The bound
    grows with the rate and with the number of trials, so a high rate from few trials ranks below a slightly lower rate
    from many. Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).

    Raises:
        ValueError: the counts are not 0 <= successes <= trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"counts must satisfy 0 <= successes <= trials, found {successes} of {trials}")
    if successes == 0:
        # Exactly 0, because rounding would rank versions without a correct prediction.
        return 0.0
    rate, z = successes / trials, NormalDist().inv_cdf(confidence)
    spread = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    return (rate + z * z / (2 * trials) - spread) / (1 + z * z / trials)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the two-sided 95 % interval of a rate, from 0 to 1 without trials.

    Raises:
        ValueError: the counts are not 0 <= successes <= trials.
    """
    low = wilson_lower_bound(successes, trials, _END_CONFIDENCE)
    return low, 1.0 - wilson_lower_bound(trials - successes, trials, _END_CONFIDENCE)
