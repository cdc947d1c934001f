"""Promote and demote: an operator exchanges two aliases of a family."""

from typing import Annotated

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from rps_api.guards import requires_operator
from rps_api.problems import NO_SLOT, problem
from rps_api.promotion.by_hand import exchange_aliases, family_named
from rps_api.promotion.schemas import DemoteReply, PromoteReply
from rps_api.promotion.views import answered, demote_reply, promote_reply
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, parse_alias
from rps_core.settings import ServiceSettings
from rps_core.store import PromotionLedger

ModelName = Annotated[
    str,
    PathParameter(
        description="A family, or the name of its registered model.",
        schema_extra={"enum": [*FAMILIES, *REGISTERED_NAMES.values()]},
    ),
]
Stage = Annotated[
    str,
    QueryParameter(
        name="stage",
        description="The alias that takes the version of B.",
        schema_extra={"enum": [alias for alias in ALIASES if alias != "B"]},
    ),
]
Reason = Annotated[
    str | None, QueryParameter(name="reason", min_length=3, max_length=500, description="The reason, for the ledger.")
]
Wait = Annotated[
    float, QueryParameter(name="wait_seconds", ge=0, le=300, description="Seconds to wait for the Dagster run.")
]
_QUEUED = "The run that moves the aliases is queued or in progress, and continues by itself."

_ERRORS = {
    400: NO_SLOT,
    501: problem("Dagster is not configured."),
    503: problem(
        "Dagster does not answer, or its run failed, for example because an alias is empty. Nothing was moved."
    ),
}


class AliasController(Controller):
    """Exchanges aliases; for operators only."""

    path = "/models"
    tags = ("models",)
    guards = (requires_operator,)

    @post(
        "/{model_name:str}/promote",
        status_code=200,
        responses=_ERRORS | {202: ResponseSpec(PromoteReply, generate_examples=False, description=_QUEUED)},
        sync_to_thread=True,
        operation_id="promoteModel",
    )
    def promote(
        self,
        model_name: ModelName,
        service_settings: NamedDependency[ServiceSettings],
        ledger: NamedDependency[PromotionLedger],
        stage: Stage = "Production",
        reason: Reason = None,
        wait_seconds: Wait = 60.0,
    ) -> Response[PromoteReply]:
        """Exchange the versions of B and another alias.

        A Dagster run moves both aliases and writes the ledger, or does neither. The request waits for the run. It
        returns 202 with `success` false if the run is still queued or in progress.
        """
        alias = parse_alias(stage)
        exchange = exchange_aliases(
            service_settings, ledger, family_named(model_name), ("B", alias), reason, wait_seconds
        )
        return answered(exchange, promote_reply(exchange, alias))

    @post(
        "/{model_name:str}/demote",
        status_code=200,
        responses=_ERRORS | {202: ResponseSpec(DemoteReply, generate_examples=False, description=_QUEUED)},
        sync_to_thread=True,
        operation_id="demoteModel",
    )
    def demote(
        self,
        model_name: ModelName,
        service_settings: NamedDependency[ServiceSettings],
        ledger: NamedDependency[PromotionLedger],
        reason: Reason = None,
        wait_seconds: Wait = 60.0,
    ) -> Response[DemoteReply]:
        """Exchange the versions of Production and B.

        A Dagster run moves both aliases and writes the ledger, or does neither. The request waits for the run. It
        returns 202 with `success` false if the run is still queued or in progress.
        """
        family = family_named(model_name)
        exchange = exchange_aliases(service_settings, ledger, family, ("B", "Production"), reason, wait_seconds)
        return answered(exchange, demote_reply(exchange))
