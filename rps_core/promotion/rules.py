"""The rules of promotion that the settings choose; `docs/promotion.md` compares them."""

from typing import Literal, NamedTuple, TypeAlias

from rps_core.settings import PromotionSettings

PolicyName: TypeAlias = Literal["sequential", "z_test", "lead"]

# The original rule needs three games on each side; then any lead wins.
LEAD_MIN_GAMES = 3


class PromotionRules(NamedTuple):
    """The rules of promotion decisions.

    Attributes:
        policy: `sequential` swaps once the evidence reaches 1/`alpha` and is valid after any number of looks; `z_test`
            swaps at p < `alpha`, which is valid for a single look; `lead` is the rule of the original system.
        min_games: decided games (won or lost) that each side needs under `sequential` and `z_test`.
        alpha: largest chance of promoting a B that is not better: over all looks together, or in each look under
            `z_test`.
        min_predictions: predictions that a challenger needs before it can change its slot.
        player_kinds: kinds of players whose games count.
    """

    policy: PolicyName = "sequential"
    min_games: int = 30
    alpha: float = 0.05
    min_predictions: int = 100
    player_kinds: tuple[str, ...] = ("human",)

    @property
    def games_needed(self) -> int:
        """Decided games that each side needs before a decision."""
        return LEAD_MIN_GAMES if self.policy == "lead" else self.min_games


def rules_of(promotion: PromotionSettings) -> PromotionRules:
    """Return the promotion rules that the settings choose."""
    return PromotionRules(
        policy=promotion.promotion_policy,
        min_games=promotion.promotion_min_games,
        alpha=promotion.promotion_alpha,
        min_predictions=promotion.promotion_min_predictions,
        player_kinds=promotion.promotion_player_kinds,
    )
