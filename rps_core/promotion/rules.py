"""The rules of promotion that the settings choose; `docs/promotion.md` compares them."""

from typing import Literal, NamedTuple, TypeAlias

from rps_core.promotion.comparison import ComparisonCounts, Counts, PlayerGroup
from rps_core.settings import PromotionSettings

PolicyName: TypeAlias = Literal["sequential", "z_test", "lead"]

# The original rule needs three games on each side; then any lead wins.
LEAD_MIN_GAMES = 3
AUTO = "auto"


class PromotionRules(NamedTuple):
    """The rules of promotion decisions.

    Attributes:
        policy: `sequential` swaps once the evidence reaches its threshold and is valid after any number of looks;
            `z_test` swaps at p < `alpha`, which is valid for a single look; `lead` is the rule of the original system.
        min_games: decided games (won or lost) that each side needs under `sequential` and `z_test`.
        alpha: largest chance of promoting a B that is not better: over all looks together, or in each look under
            `z_test`.
        min_predictions: predictions that a challenger needs before it can change its slot.
        player_kinds: kinds of players whose games count; `auto` counts people as soon as they decided `min_games`
            games on each side of a comparison, and people and scripted players together until then.
    """

    policy: PolicyName = "sequential"
    min_games: int = 30
    alpha: float = 0.05
    min_predictions: int = 100
    player_kinds: tuple[str, ...] = (AUTO,)

    @property
    def games_needed(self) -> int:
        """Decided games that each side needs before a decision."""
        return LEAD_MIN_GAMES if self.policy == "lead" else self.min_games

    @property
    def is_auto(self) -> bool:
        """Whether the number of games of people decides who counts."""
        return AUTO in self.player_kinds

    @property
    def counted_kinds(self) -> tuple[str, ...]:
        """Kinds of players whose games can count."""
        return ("human", "scripted") if self.is_auto else self.player_kinds

    @property
    def threshold(self) -> float:
        """Evidence that a swap needs under `sequential`.

        Under `auto`, people have one chance to swap and everybody together another one; each gets half of alpha.
        """
        return (2.0 if self.is_auto else 1.0) / self.alpha


class CountedPlayers(NamedTuple):
    """The players whose games decide a comparison.

    Attributes:
        group: the players.
        counts: the comparison against them.
        note: why scripted players count although people should decide; empty otherwise.
    """

    group: PlayerGroup
    counts: ComparisonCounts
    note: str = ""


def counted_players(counts: Counts, rules: PromotionRules) -> CountedPlayers:
    """Return the players whose games decide. The choice depends on numbers of games, never on results."""
    if not rules.is_auto:
        one: PlayerGroup = "human" if "human" in rules.player_kinds else "scripted"
        group: PlayerGroup = one if len(set(rules.player_kinds)) == 1 else "human,scripted"
        return CountedPlayers(group, counts.get(group, ComparisonCounts()))
    people = counts.get("human", ComparisonCounts())
    played = min(people.b_games, people.production_games)
    if played >= rules.min_games:
        return CountedPlayers("human", people)
    note = f"counting scripted players: people have played {played} of the {rules.min_games} games a side"
    return CountedPlayers("human,scripted", counts.get("human,scripted", ComparisonCounts()), note)


def rules_of(promotion: PromotionSettings) -> PromotionRules:
    """Return the promotion rules that the settings choose."""
    return PromotionRules(
        policy=promotion.promotion_policy,
        min_games=promotion.promotion_min_games,
        alpha=promotion.promotion_alpha,
        min_predictions=promotion.promotion_min_predictions,
        player_kinds=promotion.promotion_player_kinds,
    )
