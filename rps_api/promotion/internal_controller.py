"""The internal endpoints: reports of trainings and promotions, and their history."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from rps_api.clock import Clock
from rps_api.errors import InvalidRequest
from rps_api.guards import requires_operator
from rps_api.metrics.process import ServiceMetrics
from rps_api.problems import BAD_FILTER, NO_STORE, problem
from rps_api.promotion.alias_controller import AliasController
from rps_api.promotion.schemas import (
    TRAINING_STATUSES,
    EventTotals,
    LedgerRecord,
    PromotionReport,
    PromotionReportReply,
    TrainingCompletion,
    TrainingCompletionReply,
)
from rps_api.promotion.service import event_totals, parse_decision, parse_time, record_report
from rps_api.promotion.views import ledger_record
from rps_core.game.families import FAMILIES, parse_family
from rps_core.promotion.ledger_entry import DECISIONS
from rps_core.store import PromotionLedger

Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=200, description="Maximum number of decisions.")]
Days = Annotated[int, QueryParameter(name="days", ge=1, le=90, description="Length of the period in days, ending now.")]
FamilyFilter = Annotated[
    str | None,
    QueryParameter(max_length=64, description="Only this family.", schema_extra={"enum": [*FAMILIES, None]}),
]
DecisionFilter = Annotated[
    str | None,
    QueryParameter(max_length=64, description="Only this decision.", schema_extra={"enum": [*DECISIONS, None]}),
]
Since = Annotated[
    str | None,
    QueryParameter(
        max_length=64, description="Only decisions from this time on.", schema_extra={"format": "date-time"}
    ),
]


class InternalController(Controller):
    """Receives the reports of trainings and promotions, and serves them to dashboards."""

    path = "/internal"
    tags = ("internal",)
    guards = (requires_operator,)

    @post(
        "/promotion/report",
        status_code=200,
        sync_to_thread=True,
        operation_id="reportPromotion",
        responses={400: problem("The report contradicts itself or names something unknown."), 503: NO_STORE},
    )
    def report_promotion(
        self, data: JSONBody[PromotionReport], ledger: NamedDependency[PromotionLedger], clock: NamedDependency[Clock]
    ) -> PromotionReportReply:
        """Append a promotion decision to the ledger."""
        return record_report(data, ledger, clock)

    @get(
        "/promotion/history",
        sync_to_thread=True,
        operation_id="promotionHistory",
        responses={400: BAD_FILTER, 503: NO_STORE},
    )
    def promotion_history(
        self,
        ledger: NamedDependency[PromotionLedger],
        limit: Limit = 20,
        model_type: FamilyFilter = None,
        decision: DecisionFilter = None,
        since: Since = None,
    ) -> list[LedgerRecord]:
        """Return promotion decisions, newest first."""
        entries = ledger.history(
            limit=limit,
            family=None if model_type is None else parse_family(model_type),
            decision=None if decision is None else parse_decision(decision),
            since=None if since is None else parse_time(since),
        )
        return [ledger_record(entry) for entry in entries]

    @get(
        "/promotion/event_totals",
        sync_to_thread=True,
        operation_id="promotionEventTotals",
        responses={503: NO_STORE},
    )
    def promotion_event_totals(
        self, ledger: NamedDependency[PromotionLedger], clock: NamedDependency[Clock], days: Days = 7
    ) -> list[EventTotals]:
        """Count the decisions of the last days per family."""
        return event_totals(ledger, clock(), days)

    @post(
        "/training/complete",
        status_code=200,
        sync_to_thread=False,
        operation_id="reportTraining",
        responses={400: problem("The family or the status does not exist.")},
    )
    def training_complete(
        self, data: JSONBody[TrainingCompletion], metrics: NamedDependency[ServiceMetrics]
    ) -> TrainingCompletionReply:
        """Count a finished training."""
        family = parse_family(data.model_type.lower())
        status = data.status.strip().lower()
        if status not in TRAINING_STATUSES:
            raise InvalidRequest(f"unknown status {data.status[:40]!r}; choose one of {', '.join(TRAINING_STATUSES)}")
        metrics.training_completed(family, status, data.duration_seconds)
        return TrainingCompletionReply(
            success=True,
            model_type=family,
            status=status,
            duration_seconds=data.duration_seconds,
            alias=data.alias,
            source=data.source,
            message=f"{family} training: {status}",
        )


PROMOTION_HANDLERS = [AliasController, InternalController]
