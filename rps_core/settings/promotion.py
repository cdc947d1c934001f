"""When a challenger replaces Production."""

from typing import Annotated, ClassVar, Literal

from pydantic import field_validator
from pydantic_settings import NoDecode

from rps_core.settings.section import MAX_COUNT, Section, setting, split_commas


class PromotionSettings(Section):
    """The promotion rule and the games it counts."""

    title: ClassVar[str] = "Promotion"

    promotion_policy: Literal["sequential", "z_test", "lead"] = setting(
        "PROMOTION_POLICY",
        "sequential",
        "Rule that decides a swap: sequential (valid at every look), z_test, or lead (the original's rule). "
        "docs/promotion.md compares them.",
    )
    promotion_min_games: int = setting(
        "PROMOTION_MIN_GAMES",
        30,
        "Decided games that each side needs under sequential and z_test; lead needs 3.",
        ge=1,
        le=MAX_COUNT,
    )
    promotion_alpha: float = setting(
        "PROMOTION_ALPHA",
        0.05,
        "Highest chance of promoting a B that is not better: over all looks under sequential, at each under z_test.",
        gt=0,
        lt=1,
    )
    promotion_min_predictions: int = setting(
        "PROMOTION_MIN_PREDICTIONS", 100, "Predictions that a challenger needs before it is ranked.", ge=1, le=MAX_COUNT
    )
    promotion_player_kinds: Annotated[tuple[Literal["auto", "human", "scripted"], ...], NoDecode] = setting(
        "PROMOTION_PLAYER_KINDS",
        ("auto",),
        "Players whose games and predictions count. auto: people, as soon as they decided PROMOTION_MIN_GAMES games on "
        "each side of a comparison; until then people and scripted players together.",
        form="`auto`, `human`, `scripted`, or `human,scripted`",
        min_length=1,
    )
    promotion_hold_games: int = setting("PROMOTION_HOLD_GAMES", 10, "Has no effect; comparisons survive retrainings.")
    promotion_hold_seconds: int = setting(
        "PROMOTION_HOLD_SECONDS", 259_200, "Has no effect, like PROMOTION_HOLD_GAMES."
    )

    @field_validator("promotion_player_kinds", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("promotion_player_kinds")
    @classmethod
    def _auto_stands_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "auto" in value and len(value) > 1:
            raise ValueError("combines auto with other kinds; use auto alone, or human,scripted")
        return value
