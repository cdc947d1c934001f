"""Aliases that an operator lets change places through the API: a run of Dagster, like `rps promote`.

The API moves nothing itself. The run waits for its turn in the training pool, moves aliases, cache, served models and
ledger together or none of them, and is finished by the next one if it is killed (decision 0009).
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
DEFAULT_REASON = "asked for through the API"
# Entries of a family that are looked through for the one of a request; it is the newest, or close to it.
LOOKED_AT = 20
UNKNOWN_STATUS = "UNKNOWN"


class Exchange(NamedTuple):
    """What became of two aliases that were to change places.

    Attributes:
        run_id: the run of Dagster that does it.
        is_done: false while the run is queued or in progress, or where that can no longer be told.
        slots: what the ledger says about each alias of the family, by alias; empty until it is done.
    """

    family: Family
    run_id: str
    is_done: bool
    slots: dict[str, AliasAssignment]


def family_named(model: str) -> Family:
    """Return the family that is named by itself or by its registered name.

    Raises:
        UnknownModelSlot: there is no such family.
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
    """Let two aliases of a family change places, and wait for that.

    Args:
        services: where Dagster is.
        ledger: where the run writes what it did.
        family: whose aliases.
        aliases: the two.
        reason: why; it stands in the ledger.
        patience_seconds: how long to wait for the run; it goes on after that.

    Raises:
        NotConfigured: no Dagster is configured.
        InvalidRequest: the two aliases are one.
        NotAvailable: Dagster took no run, or the run failed; then nothing was moved, and its words say why.
    """
    if aliases[0] == aliases[1]:
        raise InvalidRequest(f"{aliases[0]} cannot change places with itself")
    if services.dagster_url_override is None:
        raise NotConfigured("no Dagster is configured, and it moves aliases; set RPS_DAGSTER_URL")
    # By this the entry is found again, whatever else is promoted at the same time.
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
        return runs.watch(run_id, lambda _said: None, patience_seconds=patience_seconds)
    except DagsterUnavailable as error:
        # It goes on without us. Whoever were told that it failed would ask again, and the aliases would change back.
        _LOG.warning("run %s is no longer followed: %s", run_id, error)
        return WatchedRun(run_id, UNKNOWN_STATUS, ())


def recorded_slots(ledger: PromotionLedger, family: Family, mark: str) -> dict[str, AliasAssignment]:
    """Return what the newest entry whose reason holds `mark` says about each alias; empty where there is none."""
    entries = ledger.history(family=family, limit=LOOKED_AT)
    found = next((entry for entry in entries if mark in (entry.reason or "")), None)
    return {slot.alias: slot for slot in found.alias_assignments} if found else {}
