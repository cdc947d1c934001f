"""Requests and replies of the promotion and training endpoints. Field names are the original's."""

from typing import Annotated

import msgspec

from rps_core.game.families import FAMILIES, Family
from rps_core.promotion.ledger_entry import (
    DECISIONS,
    AliasAccuracy,
    AliasAssignment,
    AliasRanking,
    ComparedConfigurations,
    Decision,
)

Text = Annotated[str, msgspec.Meta(max_length=200)]
FamilyText = Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"enum": list(FAMILIES)})]
DecisionText = Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"enum": list(DECISIONS)})]
TRAINING_STATUSES = ("success", "failure")
StatusText = Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"enum": list(TRAINING_STATUSES)})]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Rank = Annotated[int, msgspec.Meta(ge=1, le=3)]


class AccuracyReport(msgspec.Struct, frozen=True, kw_only=True):
    """Live accuracy of a slot."""

    alias: Text
    source_alias: Text | None = None
    accuracy: float | None = None
    total_predictions: Count = 0


class RankingReport(AccuracyReport, frozen=True, kw_only=True):
    """Rank of a challenger."""

    rank: Rank


class AssignmentReport(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a slot after the cycle. Older clients send versions as numbers."""

    alias: Text
    version: Text | int | None = None
    source_alias: Text | None = None
    previous_version: Text | int | None = None
    changed: bool = False


class PromotionReport(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion decision that an external program reports."""

    model_type: FamilyText
    decision: DecisionText
    z_statistic: float | None = None
    p_value: float | None = None
    production_wins: Count | None = None
    production_total_games: Count | None = None
    b_wins: Count | None = None
    b_total_games: Count | None = None
    production_games_since_swap: Count | None = None
    b_games_since_swap: Count | None = None
    promotion_cycles_since_swap: Count | None = None
    reorder_applied: bool = False
    alias_rankings: Annotated[list[RankingReport], msgspec.Meta(max_length=3)] = []
    alias_accuracies: Annotated[list[AccuracyReport], msgspec.Meta(max_length=4)] = []
    alias_assignments: Annotated[list[AssignmentReport], msgspec.Meta(max_length=4)] = []
    reason: Annotated[str, msgspec.Meta(max_length=4000)] | None = None
    source: Annotated[str, msgspec.Meta(max_length=64)] = "auto_promotion"
    created_ts_utc: Text | None = None


class StoredDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger holds of every decision, with its tickers."""

    model_type: Family
    decision: Decision
    reorder_applied: bool
    alias_rankings: tuple[AliasRanking, ...]
    alias_accuracies: tuple[AliasAccuracy, ...]
    alias_assignments: tuple[AliasAssignment, ...]
    reason: str | None
    production_games_since_swap: int | None
    b_games_since_swap: int | None
    promotion_cycles_since_swap: int | None


class PromotionReportReply(StoredDecision, frozen=True, kw_only=True):
    """A stored decision with its tickers."""

    success: bool
    event_id: int


class LedgerRecord(StoredDecision, frozen=True, kw_only=True):
    """A ledger entry in the history, with derived fields.

    Attributes:
        cycle: number of the decision in its family; null for reports of other programs and for older entries.
        comparison: the configurations that the decision judged, with their pairs; null like `cycle`.
    """

    id: int | None
    created_ts_utc: str
    z_statistic: float | None
    p_value: float | None
    production_wins: int | None
    production_total_games: int | None
    production_win_rate: float | None
    b_wins: int | None
    b_total_games: int | None
    b_win_rate: float | None
    source: str
    rank1_summary: str | None
    rank2_summary: str | None
    rank3_summary: str | None
    step2_order: str
    step2_accuracy: str
    step2_sources: str
    cycle: int | None
    comparison: ComparedConfigurations | None


class EventTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of one family in a period. In the last row, `model` is ALL."""

    model: str
    period_start: str
    period_end: str
    swap_production_b: int
    retain_production: int
    insufficient_data: int
    alias_reorder: int
    total_events: int


class TrainingCompletion(msgspec.Struct, frozen=True, kw_only=True):
    """A finished training."""

    model_type: FamilyText
    status: StatusText
    duration_seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    alias: Text | None = None
    source: Text = "trainer"


class TrainingCompletionReply(msgspec.Struct, frozen=True, kw_only=True):
    """The training as it was counted."""

    success: bool
    model_type: Family
    status: str
    duration_seconds: float | None
    alias: str | None
    source: str
    message: str


class PromoteReply(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange of B and another alias that an operator requested.

    Attributes:
        success: whether the run is done; false while it is queued or in progress.
        version: the new version of `promoted_to`; null until the run is done.
        previous_production: the previous version of `promoted_to`.
        run_id: the Dagster run.
    """

    success: bool
    model_name: str
    promoted_to: str
    version: str | None
    previous_production: str | None
    run_id: str
    message: str


class DemoteReply(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange of Production and B that an operator requested.

    Attributes:
        success: whether the run is done; false while it is queued or in progress.
        version: the version that moved from Production to `current_stage`; null until the run is done.
        run_id: the Dagster run.
    """

    success: bool
    model_name: str
    demoted_from: str
    current_stage: str
    version: str | None
    run_id: str
    message: str
