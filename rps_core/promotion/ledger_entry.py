"""An entry of the promotion ledger: a decision about one family, and its evidence.

The field names are those of the `promotion_events` table and of the history endpoint. `rps_core.store.ledger` stores
entries.
"""

from datetime import datetime
from typing import Literal, TypeAlias, get_args

import msgspec

from rps_core.game.families import Family
from rps_core.promotion.comparison import OpenComparison, PlayerGroup

Decision: TypeAlias = Literal["swap_production_b", "retain_production", "insufficient_data", "alias_reorder"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
SWAP: Decision = "swap_production_b"


class AliasRanking(msgspec.Struct, frozen=True, kw_only=True):
    """Rank of a challenger: rank 1 gets slot B, rank 2 shadow1, rank 3 shadow2."""

    alias: str
    rank: int
    source_alias: str | None = None
    accuracy: float | None = None
    total_predictions: int = 0


class AliasAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    """Live accuracy of the version in a slot before the cycle."""

    alias: str
    source_alias: str | None = None
    accuracy: float | None = None
    total_predictions: int = 0


class AliasAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """The version in a slot after the cycle."""

    alias: str
    version: str | None = None
    source_alias: str | None = None
    previous_version: str | None = None
    changed: bool = False


class ComparedConfigurations(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison that a decision judged.

    Attributes:
        started_at: since when these two configurations have been compared.
        production, b: the configurations.
        players: the players whose games count.
        generations: pairs of versions, each trained on the same dataset, with a pair of games.
        pairs: complete pairs of games, one of each side.
        b_pairs: pairs that only B won.
        production_pairs: pairs that only Production won.
        evidence: evidence of the policy; null if there are too few games to compute it.
        threshold: the evidence that a swap needs.
    """

    started_at: datetime
    production: str
    b: str
    players: PlayerGroup
    generations: int
    pairs: int
    b_pairs: int
    production_pairs: int
    evidence: float | None
    threshold: float


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion decision with its evidence; `id` is None until the entry is stored.

    Attributes:
        cycle: number of the decision in its family; no two entries of a family have the same. None for reports of other
            programs.
        comparison: the comparison that the decision judged.
        open_comparison: the comparison from which the next decision goes on.
    """

    model_type: Family
    decision: Decision
    created_at: datetime
    z_statistic: float | None = None
    p_value: float | None = None
    production_wins: int | None = None
    production_total_games: int | None = None
    b_wins: int | None = None
    b_total_games: int | None = None
    production_games_since_swap: int | None = None
    b_games_since_swap: int | None = None
    promotion_cycles_since_swap: int | None = None
    reorder_applied: bool = False
    alias_rankings: tuple[AliasRanking, ...] = ()
    alias_accuracies: tuple[AliasAccuracy, ...] = ()
    alias_assignments: tuple[AliasAssignment, ...] = ()
    reason: str | None = None
    source: str = "auto_promotion"
    cycle: int | None = None
    comparison: ComparedConfigurations | None = None
    open_comparison: OpenComparison | None = None
    id: int | None = None
