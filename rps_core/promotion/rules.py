"""The rules of promotion by name, as the settings choose them; `docs/promotion.md` compares them."""

from typing import Literal, NamedTuple, TypeAlias

from rps_core.settings import Settings

PolicyName: TypeAlias = Literal["sequential", "z_test", "lead"]

# The original's rule asked for three games a side and let any lead win.
LEAD_MIN_GAMES = 3


class PromotionRules(NamedTuple):
    """How a promotion is decided.

    Attributes:
        policy: `sequential` swaps once the evidence reaches 1/`alpha` and stays right however often it is asked;
            `z_test` swaps at p < `alpha`, which is right for a single look; `lead` is the original's rule.
        min_games: decided games (won or lost) each side needs under `sequential` and `z_test`.
        alpha: largest chance of swapping in a B that is not better: over all looks, under `z_test` in each of them.
        min_predictions: predictions a challenger needs before its accuracy moves it.
        player_kinds: whose games count.
    """

    policy: PolicyName = "sequential"
    min_games: int = 30
    alpha: float = 0.05
    min_predictions: int = 100
    player_kinds: tuple[str, ...] = ("human",)

    @property
    def games_needed(self) -> int:
        """Decided games each side needs before anything is decided."""
        return LEAD_MIN_GAMES if self.policy == "lead" else self.min_games


def rules_of(settings: Settings) -> PromotionRules:
    """Return the promotion rules that the settings name."""
    return PromotionRules(
        policy=settings.promotion.promotion_policy,
        min_games=settings.promotion.promotion_min_games,
        alpha=settings.promotion.promotion_alpha,
        min_predictions=settings.promotion.promotion_min_predictions,
        player_kinds=settings.promotion.promotion_player_kinds,
    )
