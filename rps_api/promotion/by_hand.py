"""Exchanges of two aliases through the API: a Dagster run, like `rps promote`.

The API moves nothing itself. The run waits in the training pool and moves aliases and ledger under one stored intent.
If it is killed, the next run finishes the intent (decision 0009).
"""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from rps_api.errors import InvalidRequest, NotAvailable, NotConfigured
from rps_core.dagster_runs import DagsterRuns, DagsterUnavailable, WatchedRun
from rps_core.game.families import REGISTERED_NAMES, Alias, Family, parse_family
from rps_core.promotion.ledger_entry import AliasAssignment
from rps_core.settings import ServiceSettings
from rps_core.store import PromotionLedger

_LOG = logging.getLogger(__name__)

JOB, OP = "promote_by_hand", "promote_slots"
DEFAULT_REASON = "requested through the API"
# The entry of a request is the newest of its family, or close to it.
SEARCHED_ENTRIES = 20
UNKNOWN_STATUS = "UNKNOWN"


class Exchange(NamedTuple):
    """The outcome of an exchange of two aliases.

    Attributes:
        run_id: the Dagster run.
        is_done: false while the run is queued or in progress, or if its state is unknown.
        slots: the ledger's assignments by alias; empty until the run is done.
    """

    family: Family
    run_id: str
    is_done: bool
    slots: dict[str, AliasAssignment]


def family_named(model: str) -> Family:
    """Return the family with this name or registered name.

    Raises:
        UnknownModelSlot: no family has this name.
    """
    return next((family for family, name in REGISTERED_NAMES.items() if name == model), None) or parse_family(model)


def exchange_aliases(
    services: ServiceSettings,
    ledger: PromotionLedger,
    family: Family,
    aliases: tuple[Alias, Alias],
    reason: str | None,
    patience_seconds: float,
) -> Exchange:
    """Exchange the versions of two aliases of a family, and wait for the run.

    Args:
        services: the address of Dagster.
        ledger: the run writes its result there.
        family: the family of the aliases.
        aliases: the two aliases.
        reason: the reason, for the ledger.
        patience_seconds: how long to wait; the run continues after that.

    Raises:
        NotConfigured: Dagster is not configured.
        InvalidRequest: the two aliases are the same.
        NotAvailable: Dagster did not accept the run, or the run failed and moved nothing.
    """
    if aliases[0] == aliases[1]:
        raise InvalidRequest(f"cannot exchange {aliases[0]} with itself; choose another alias")
    if services.dagster_url_override is None:
        raise NotConfigured("Dagster, which moves aliases, is not configured; set RPS_DAGSTER_URL")
    # Identifies the ledger entry, even if other promotions run at the same time.
    request = f"request {uuid4().hex[:12]}"
    config = {"slots": [f"{family}@{aliases[0]}:{aliases[1]}"], "reason": f"{reason or DEFAULT_REASON} ({request})"}
    try:
        run = _run(DagsterRuns(services.dagster_base_url), config, patience_seconds)
    except DagsterUnavailable as error:
        raise NotAvailable(str(error)) from error
    if run.has_ended and not run.has_succeeded:
        raise NotAvailable(run.failure)
    slots = recorded_slots(ledger, family, request) if run.has_ended else {}
    return Exchange(family, run.run_id, run.has_ended, slots)


def _run(runs: DagsterRuns, config: Mapping[str, Any], patience_seconds: float) -> WatchedRun:
    run_id = runs.launch(JOB, {"ops": {OP: {"config": config}}})
    try:
        return runs.watch(run_id, lambda _line: None, patience_seconds=patience_seconds)
    except DagsterUnavailable as error:
        # The run continues. If the reply were an error, the operator would retry and exchange the aliases back.
        _LOG.warning("lost track of Dagster run %s: %s", run_id, error)
        return WatchedRun(run_id, UNKNOWN_STATUS, ())


def recorded_slots(ledger: PromotionLedger, family: Family, mark: str) -> dict[str, AliasAssignment]:
    """Return the assignments by alias of the newest entry whose reason contains `mark`; empty without such an entry."""
    entries = ledger.history(family=family, limit=SEARCHED_ENTRIES)
    found = next((entry for entry in entries if mark in (entry.reason or "")), None)
    return {slot.alias: slot for slot in found.alias_assignments} if found else {}
