"""Exchanges of two aliases through the API: a Dagster run, like `rps promote`.

The API moves nothing itself. The run waits in the training pool and moves aliases and ledger under one stored intent.
If it is killed, the next run finishes the intent (decision 0009).

A call that waits takes no thread. Calls for the same slots share one run, also across processes, so that a script that
repeats its call does not exchange the aliases back.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from litestar.exceptions import TooManyRequestsException

from rps_api.errors import InvalidRequest, NotAvailable, NotConfigured
from rps_core.dagster_runs import AsyncDagsterRuns, DagsterUnavailable, WatchedRun
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
# Tags of the runs, by which calls to other processes find them.
SLOTS_TAG, REQUEST_TAG = "rps/exchange", "rps/request"
MAX_CALLS = 64
RETRY_SECONDS = 30
_Result = TypeVar("_Result")


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


class Exchanges:
    """The exchanges that this process waits for: one run for each pair of slots, whatever the number of calls.

    For use in one event loop.
    """

    def __init__(
        self, services: ServiceSettings, ledger: PromotionLedger, runs: AsyncDagsterRuns | None = None
    ) -> None:
        self._services = services
        self._ledger = ledger
        self._runs = runs or AsyncDagsterRuns(services.dagster_base_url)
        self._pursuits: dict[str, _Pursuit] = {}
        self.calls = 0

    async def exchange(
        self, family: Family, aliases: tuple[Alias, Alias], reason: str | None, patience_seconds: float
    ) -> Exchange:
        """Exchange the versions of two aliases of a family, and wait for the run.

        Args:
            family: the family of the aliases.
            aliases: the two aliases.
            reason: the reason, for the ledger; of several calls for the same aliases, the first counts.
            patience_seconds: how long to wait; the run continues after that.

        Raises:
            NotConfigured: Dagster is not configured.
            InvalidRequest: the two aliases are the same.
            NotAvailable: Dagster did not accept the run, or the run failed and moved nothing.
            TooManyRequestsException: too many calls wait already.
        """
        if aliases[0] == aliases[1]:
            raise InvalidRequest(f"cannot exchange {aliases[0]} with itself; choose another alias")
        if self._services.dagster_url_override is None:
            raise NotConfigured("Dagster, which moves aliases, is not configured; set RPS_DAGSTER_URL")
        if self.calls >= MAX_CALLS:
            raise TooManyRequestsException(
                f"{self.calls} calls wait for a change of aliases; try again in {RETRY_SECONDS} s",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        slots = f"{family}@{aliases[0]}:{aliases[1]}"
        try:
            async with self._pursuit(slots, reason or DEFAULT_REASON) as pursuit:
                run_id, request = await asyncio.shield(pursuit.started)
                await asyncio.wait({pursuit.ended}, timeout=patience_seconds)
                run = pursuit.ended.result() if pursuit.ended.done() else WatchedRun(run_id, UNKNOWN_STATUS, ())
        except DagsterUnavailable as error:
            raise NotAvailable(str(error)) from error
        if run.has_ended and not run.has_succeeded:
            raise NotAvailable(run.failure)
        found = await asyncio.to_thread(recorded_slots, self._ledger, family, request) if run.has_ended else {}
        return Exchange(family, run.run_id, run.has_ended, found)

    @asynccontextmanager
    async def _pursuit(self, slots: str, reason: str) -> "AsyncIterator[_Pursuit]":
        """Join or begin the pursuit of a run; the last call that leaves ends it, and the run continues."""
        pursuit = self._pursuits.get(slots)
        if pursuit is None or not pursuit.calls or pursuit.ended.done():
            is_starting = pursuit is not None and not pursuit.started.done()
            started = pursuit.started if pursuit and is_starting else _task(self._start(slots, reason))
            pursuit = self._pursuits[slots] = _Pursuit(started, _task(self._end(started)))
        pursuit.calls += 1
        self.calls += 1
        try:
            yield pursuit
        finally:
            pursuit.calls -= 1
            self.calls -= 1
            if not pursuit.calls:
                pursuit.ended.cancel()

    async def _start(self, slots: str, reason: str) -> "_Started":
        """Return the run that exchanges these slots: one that has not ended, or a new one."""
        if known := await self._runs.unfinished({SLOTS_TAG: slots}):
            return _Started(known.run_id, known.tags.get(REQUEST_TAG, known.run_id))
        # Identifies the ledger entry, even if other promotions run at the same time.
        request = f"request {uuid4().hex[:12]}"
        config = {"ops": {OP: {"config": {"slots": [slots], "reason": f"{reason} ({request})"}}}}
        return _Started(await self._runs.start(JOB, config, {SLOTS_TAG: slots, REQUEST_TAG: request}), request)

    async def _end(self, started: "asyncio.Task[_Started]") -> WatchedRun:
        run_id = (await asyncio.shield(started)).run_id
        try:
            return await self._runs.end_of(run_id)
        except DagsterUnavailable as error:
            # The run continues. If the reply were an error, the operator would retry and exchange the aliases back.
            _LOG.warning("lost track of Dagster run %s: %s", run_id, error)
            return WatchedRun(run_id, UNKNOWN_STATUS, ())


class _Started(NamedTuple):
    run_id: str
    request: str


def _task(work: "Coroutine[Any, Any, _Result]") -> "asyncio.Task[_Result]":
    """Return a task whose error may stay unread, because all of its callers may have left."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


class _Pursuit:
    """One run, and the number of calls that wait for it."""

    def __init__(self, started: "asyncio.Task[_Started]", ended: "asyncio.Task[WatchedRun]") -> None:
        self.started = started
        self.ended = ended
        self.calls = 0


def recorded_slots(ledger: PromotionLedger, family: Family, mark: str) -> dict[str, AliasAssignment]:
    """Return the assignments by alias of the newest entry whose reason contains `mark`; empty without such an entry."""
    entries = ledger.history(family=family, limit=SEARCHED_ENTRIES)
    found = next((entry for entry in entries if mark in (entry.reason or "")), None)
    return {slot.alias: slot for slot in found.alias_assignments} if found else {}
