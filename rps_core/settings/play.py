"""Which model plays a game, and how often the API looks for new models."""

from typing import ClassVar

from rps_core.game.families import Family
from rps_core.settings.section import Section, Share, setting


class PlaySettings(Section):
    """Games split between aliases, and models in the API."""

    title: ClassVar[str] = "Play"

    enable_ab_testing: bool = setting("ENABLE_AB_TESTING", True, "Off: every game is played by Production.")
    ab_split_ratio: Share = setting("AB_SPLIT_RATIO", 0.5, "Share of games played by Production.")
    ab_split_ratio_xgboost: Share | None = setting("AB_SPLIT_RATIO_XGBOOST", None, "The same for xgboost alone.")
    ab_split_ratio_feedforward_nn: Share | None = setting(
        "AB_SPLIT_RATIO_FEEDFORWARD_NN", None, "The same for feedforward_nn alone."
    )
    ab_split_ratio_multinomial_logistic: Share | None = setting(
        "AB_SPLIT_RATIO_MULTINOMIAL_LOGISTIC", None, "The same for multinomial_logistic alone."
    )
    force_model_fallbacks: bool = setting("RPS_FORCE_MODEL_FALLBACKS", False, "Play on uniform probabilities only.")
    model_refresh_seconds: float = setting(
        "RPS_MODEL_REFRESH_SECONDS", 10.0, "How often the API looks whether the cache index changed.", ge=0.5, le=3600
    )
    model_reload_backoff_seconds: float = setting(
        "MODEL_RELOAD_BACKOFF_SECONDS",
        30.0,
        "Pause before a slot that failed to load is tried again; doubles up to 64 times.",
        ge=0,
        le=3600,
    )
    public_predictions: bool = setting(
        "RPS_PUBLIC_PREDICTIONS",
        False,
        "Anyone may ask POST /predict. Whoever asks before each move foretells the bot, so it is the operators' alone.",
    )

    def production_share(self, family: Family) -> float:
        """Return the share of this family's games that Production plays."""
        if not self.enable_ab_testing:
            return 1.0
        override: float | None = getattr(self, f"ab_split_ratio_{family}")
        return self.ab_split_ratio if override is None else override
