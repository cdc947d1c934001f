"""Runs of the code location, started and watched through Dagster's GraphQL: so that the command line needs no Dagster.

A run started here queues like any other, waits for its pool, and is seen in the UI.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rps_core.errors import RpsError

if TYPE_CHECKING:
    import httpx

# The name of the code location, as every workspace file and `dagster api grpc` command gives it.
CODE_LOCATION = "rps_quest"
REPOSITORY = "__repository__"
# The job that Dagster itself makes of all assets.
ASSET_JOB = "__ASSET_JOB"
TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 1.0
ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
# Dagster's own accounts of a run start with the level DEBUG; what our code says is INFO and above.
SAID_BY_US = frozenset({"INFO", "WARNING", "ERROR", "CRITICAL"})

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message }
  }
}"""
_RUN = """
query Run($id: ID!, $after: String) {
  runOrError(runId: $id) { __typename ... on Run { status } ... on Error { message } }
  logsForRun(runId: $id, afterCursor: $after, limit: 500) {
    ... on EventConnection {
      cursor
      events {
        __typename
        ... on MessageEvent { message level }
        ... on ExecutionStepFailureEvent { failureMetadata { description } error { message } }
      }
    }
  }
}"""


class DagsterUnavailable(RpsError):
    """Dagster does not answer, or refuses."""


class WatchedRun(NamedTuple):
    """What became of a run while it was watched: Dagster's status, and what its failed steps said."""

    run_id: str
    status: str
    faults: tuple[str, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing will come any more."""
        return self.status in ENDED

    @property
    def has_succeeded(self) -> bool:
        """Whether it did what it was started for."""
        return self.status == "SUCCESS"

    @property
    def complaint(self) -> str:
        """What it says about its failure."""
        return "; ".join(self.faults) or f"run {self.run_id} ended: {self.status.lower()}"


class DagsterRuns:
    """Starts and watches runs on one Dagster webserver.

    Args:
        base_url: of Dagster's UI.
        transport: replaces the network, for tests.
    """

    def __init__(self, base_url: str, transport: "httpx.BaseTransport | None" = None) -> None:
        self._base_url = base_url
        self._transport = transport

    def ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of a GraphQL answer.

        Raises:
            DagsterUnavailable: no answer, or one with errors.
        """
        # The API imports this module at its start; httpx, with all it draws in, takes a fifth of that.
        import httpx

        question = {"query": query, "variables": dict(variables)}
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS, transport=self._transport) as client:
                payload = client.post(f"{self._base_url}/graphql", json=question).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise DagsterUnavailable(
                f"Dagster at {self._base_url} got no good answer ({error or type(error).__name__}); start the product "
                "with `rps up`, or name a running one with RPS_DAGSTER_URL"
            ) from error
        if payload.get("errors"):
            raise DagsterUnavailable(f"Dagster at {self._base_url} refused: {payload['errors'][0].get('message')}")
        return dict(payload["data"])

    def launch(
        self,
        job: str,
        config: Mapping[str, Any],
        *,
        assets: Sequence[Sequence[str]] = (),
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Queue a run of a job and return its id.

        Args:
            job: name of the job; `ASSET_JOB` for assets that no job of ours holds alone.
            config: the run's configuration.
            assets: keys of the assets to materialise; all of the job if none are named.
            tags: tags of the run.

        Raises:
            DagsterUnavailable: no answer, or a refusal, such as configuration of another shape.
        """
        selector: dict[str, Any] = {
            "jobName": job,
            "repositoryName": REPOSITORY,
            "repositoryLocationName": CODE_LOCATION,
        }
        if assets:
            selector["assetSelection"] = [{"path": list(key)} for key in assets]
        params: dict[str, Any] = {"selector": selector, "runConfigData": config}
        if tags:
            params["executionMetadata"] = {"tags": [{"key": name, "value": value} for name, value in tags.items()]}
        found = self.ask(_LAUNCH, {"params": params})["launchRun"]
        if found["__typename"] != "LaunchRunSuccess":
            said = found.get("message") or "; ".join(error["message"] for error in found.get("errors", ()))
            raise DagsterUnavailable(f"Dagster does not run {job}: {said or found['__typename']}")
        return str(found["run"]["runId"])

    def watch(
        self,
        run_id: str,
        say: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        patience_seconds: float = math.inf,
    ) -> WatchedRun:
        """Hand on what a run says until it has ended, or until it was waited for long enough.

        Raises:
            DagsterUnavailable: no answer, or Dagster does not know the run.
        """
        cursor, faults, waited = None, list[str](), 0.0
        while True:
            data = self.ask(_RUN, {"id": run_id, "after": cursor})
            run = data["runOrError"]
            if run["__typename"] != "Run":
                raise DagsterUnavailable(f"Dagster does not know run {run_id}: {run.get('message')}")
            logs = data["logsForRun"]
            cursor = logs.get("cursor") or cursor
            for event in logs.get("events") or ():
                if event["__typename"] == "LogMessageEvent" and event["level"] in SAID_BY_US:
                    say(event["message"])
                elif event["__typename"] == "ExecutionStepFailureEvent":
                    faults.append(_fault(event))
            found = WatchedRun(run_id, run["status"], tuple(faults))
            if (found.has_ended and not logs.get("events")) or (not found.has_ended and waited >= patience_seconds):
                return found
            sleep(POLL_SECONDS)
            waited += POLL_SECONDS


def _fault(event: Mapping[str, Any]) -> str:
    described = (event.get("failureMetadata") or {}).get("description")
    return str(described or (event.get("error") or {}).get("message") or "a step failed").strip()
