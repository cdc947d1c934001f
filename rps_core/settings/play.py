"""Which model plays a game and by which rule, and how often the API checks for new models."""

from typing import ClassVar, Literal

from pydantic import field_validator

from rps_core.game.families import Family
from rps_core.game.rules import DEFAULT_RULES, ChoiceRule, parse_rules
from rps_core.settings.section import Section, Share, setting


class PlaySettings(Section):
    """How games are split between aliases, and how the API reloads models."""

    title: ClassVar[str] = "Play"

    enable_ab_testing: bool = setting(
        "ENABLE_AB_TESTING", True, "Split games between Production and B; if false, Production plays every game."
    )
    ab_split_ratio: Share = setting("AB_SPLIT_RATIO", 0.5, "Share of games that Production plays.")
    ab_split_ratio_xgboost: Share | None = setting(
        "AB_SPLIT_RATIO_XGBOOST", None, "Share that Production plays of the xgboost games."
    )
    ab_split_ratio_feedforward_nn: Share | None = setting(
        "AB_SPLIT_RATIO_FEEDFORWARD_NN", None, "Share that Production plays of the feedforward_nn games."
    )
    ab_split_ratio_multinomial_logistic: Share | None = setting(
        "AB_SPLIT_RATIO_MULTINOMIAL_LOGISTIC", None, "Share that Production plays of the multinomial_logistic games."
    )
    force_model_fallbacks: bool = setting(
        "RPS_FORCE_MODEL_FALLBACKS", False, "Ignore all models and play with uniform probabilities."
    )
    remembered_games: int = setting(
        "RPS_REMEMBERED_GAMES",
        20,
        "Finished games of the same session that a new game remembers, newest first; 0 remembers none.",
        ge=0,
        le=24,
    )
    kinds_by_name: bool = setting(
        "RPS_KINDS_BY_NAME",
        False,
        "Whether the player's name decides if a client sends no player_kind, as in the original: Ace … Hal and Sim… "
        "are scripted. By default a person plays.",
    )
    model_refresh_seconds: float = setting(
        "RPS_MODEL_REFRESH_SECONDS",
        10.0,
        "Interval at which the API checks the cache index for changes, in seconds.",
        ge=0.5,
        le=3600,
    )
    model_reload_backoff_seconds: float = setting(
        "MODEL_RELOAD_BACKOFF_SECONDS",
        30.0,
        "Seconds before a slot that failed to load is retried; doubles with each failure, up to 64 times as long.",
        ge=0,
        le=3600,
    )
    public_predictions: bool = setting(
        "RPS_PUBLIC_PREDICTIONS",
        False,
        "Let anyone call POST /predict. By default only operators can, because a player who asks before each move can "
        "predict the bot.",
    )
    choice_rules: str = setting(
        "RPS_CHOICE_RULES",
        ",".join(f"{policy}:{rule}" for policy, rule in DEFAULT_RULES.items()),
        "How each opponent chooses its move; an opponent that is missing keeps its default. docs/rules_of_choice.md "
        "compares the rules.",
        form="pairs like forrest:banked, separated by commas, of an opponent and `win_probability`, `banked`, "
        "`equilibrium` or `expected_value`",
    )
    round_values: Literal["secret", "public"] = setting(
        "RPS_ROUND_VALUES",
        "secret",
        "secret: the values of a game's rounds follow from a key that is shown after the game. public: they follow "
        "from the game's id, as in the original, so anyone can compute the rounds to come.",
    )

    @field_validator("choice_rules")
    @classmethod
    def _parseable(cls, value: str) -> str:
        parse_rules(value)
        return value

    def choice_rule(self, policy: str) -> ChoiceRule:
        """Return the rule by which an opponent chooses its moves."""
        return parse_rules(self.choice_rules)[policy]

    def production_share(self, family: Family) -> float:
        """Return the share of a family's games that Production plays, from 0 to 1."""
        if not self.enable_ab_testing:
            return 1.0
        override: float | None = getattr(self, f"ab_split_ratio_{family}")
        return self.ab_split_ratio if override is None else override
