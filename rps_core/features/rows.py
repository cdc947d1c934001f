"""The features of one round under any contract that can be served."""

from collections.abc import Sequence

from rps_core.features.contract import CONTRACT_V2, FeatureContract
from rps_core.features.history import features_from_history
from rps_core.features.steps import steps_after
from rps_core.game.scoring import PlayedRound, Points


def features_of_round(
    contract: FeatureContract,
    history: Sequence[PlayedRound],
    points: Points,
    *,
    easy_mode: bool = False,
    remembered: Sequence[int] | None = None,
) -> list[float]:
    """Return the features of the round after `history`, in the order of the contract.

    Args:
        contract: which features.
        history: all rounds before, oldest first, including the opening.
        points: values of rock, paper and scissors in the round.
        easy_mode: whether this is one of the retired easy games; only version 2 sees it.
        remembered: what the person did in earlier games (`rps_core.features.steps.person_counts`); from version 3 on.
    """
    if contract is CONTRACT_V2:
        return features_from_history(history, points, len(history) + 1, easy_mode)
    return steps_after(history, remembered).row(points)
