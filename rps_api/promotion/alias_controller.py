"""Promote and demote: an operator exchanges two aliases of a family."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from rps_api.guards import requires_operator
from rps_api.problems import NO_SLOT, problem
from rps_api.promotion.by_hand import Exchanges, family_named
from rps_api.promotion.schemas import DemoteReply, PromoteReply
from rps_api.promotion.views import answered, demote_reply, promote_reply
from rps_api.waiting import while_connected
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, parse_alias

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
    429: problem("Too many requests wait for a change of aliases. `Retry-After` is the number of seconds to wait."),
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
        operation_id="promoteModel",
    )
    async def promote(
        self,
        request: Request[Any, Any, Any],
        model_name: ModelName,
        exchanges: NamedDependency[Exchanges],
        stage: Stage = "Production",
        reason: Reason = None,
        wait_seconds: Wait = 60.0,
    ) -> Response[PromoteReply]:
        """Exchange the versions of B and another alias.

        A Dagster run moves both aliases and writes the ledger, or does neither. The request waits for the run. It
        returns 202 with `success` false if the run is still queued or in progress. A second request for the same
        aliases joins the run.
        """
        alias = parse_alias(stage)
        exchanging = exchanges.exchange(family_named(model_name), ("B", alias), reason, wait_seconds)
        exchange = await while_connected(request, exchanging)
        return answered(exchange, promote_reply(exchange, alias))

    @post(
        "/{model_name:str}/demote",
        status_code=200,
        responses=_ERRORS | {202: ResponseSpec(DemoteReply, generate_examples=False, description=_QUEUED)},
        operation_id="demoteModel",
    )
    async def demote(
        self,
        request: Request[Any, Any, Any],
        model_name: ModelName,
        exchanges: NamedDependency[Exchanges],
        reason: Reason = None,
        wait_seconds: Wait = 60.0,
    ) -> Response[DemoteReply]:
        """Exchange the versions of Production and B.

        A Dagster run moves both aliases and writes the ledger, or does neither. The request waits for the run. It
        returns 202 with `success` false if the run is still queued or in progress. A second request for the same
        aliases joins the run.
        """
        exchanging = exchanges.exchange(family_named(model_name), ("B", "Production"), reason, wait_seconds)
        exchange = await while_connected(request, exchanging)
        return answered(exchange, demote_reply(exchange))
