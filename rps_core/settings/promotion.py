"""When a challenger replaces Production."""

from typing import Annotated, ClassVar, Literal

from pydantic import field_validator
from pydantic_settings import NoDecode

from rps_core.settings.section import Section, setting, split_commas


class PromotionSettings(Section):
    """The rule of promotion and whose games count."""

    title: ClassVar[str] = "Promotion"

    promotion_policy: Literal["sequential", "z_test", "lead"] = setting(
        "PROMOTION_POLICY",
        "sequential",
        "Rule that decides a swap: sequential (right at every look), z_test, or lead (the original's). "
        "docs/promotion.md compares them.",
    )
    promotion_min_games: int = setting(
        "PROMOTION_MIN_GAMES", 30, "Won or lost games each side needs under sequential and z_test; lead needs 3.", ge=1
    )
    promotion_alpha: float = setting(
        "PROMOTION_ALPHA",
        0.05,
        "Largest chance of promoting a B that is no better: over all looks under sequential, at each under z_test.",
        gt=0,
        lt=1,
    )
    promotion_min_predictions: int = setting(
        "PROMOTION_MIN_PREDICTIONS", 100, "Predictions a challenger needs before it is ranked.", ge=1
    )
    promotion_player_kinds: Annotated[tuple[Literal["human", "scripted"], ...], NoDecode] = setting(
        "PROMOTION_PLAYER_KINDS",
        ("human",),
        "Whose games and predictions count, separated by commas; human,scripted lets a product promote that only the "
        "scripted players play.",
        min_length=1,
    )
    promotion_hold_games: int = setting(
        "PROMOTION_HOLD_GAMES",
        10,
        "Won or lost games on both sides from which on a leading B holds back the retraining of its family.",
        ge=1,
    )
    promotion_hold_seconds: int = setting(
        "PROMOTION_HOLD_SECONDS",
        259_200,
        "Longest time after its last training that a family is held back for a leading B; 0 holds back nothing.",
        ge=0,
    )

    @field_validator("promotion_player_kinds", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)
