"""Starting and watching Dagster runs through GraphQL, so that the command line and the API do not need Dagster.

A run that is started here waits in the queue and for its pool like any other, and Dagster's UI shows it.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rps_core.addresses import parse_address
from rps_core.errors import RpsError

if TYPE_CHECKING:
    import httpx

# The name of the code location in every workspace file and `dagster api grpc` command.
CODE_LOCATION = "rps_quest"
REPOSITORY = "__repository__"
# The job that Dagster creates from all assets.
ASSET_JOB = "__ASSET_JOB"
TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 1.0
FINAL_STATUSES = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
# Dagster logs its own progress at DEBUG; our code logs at INFO and above.
OUR_LOG_LEVELS = frozenset({"INFO", "WARNING", "ERROR", "CRITICAL"})

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
    """Dagster does not answer, or refuses a request."""


class WatchedRun(NamedTuple):
    """A run when watching it ended: Dagster's status, and the errors of its failed steps."""

    run_id: str
    status: str
    errors: tuple[str, ...]

    @property
    def has_ended(self) -> bool:
        """Whether the run is over."""
        return self.status in FINAL_STATUSES

    @property
    def has_succeeded(self) -> bool:
        """Whether the run ended without an error."""
        return self.status == "SUCCESS"

    @property
    def failure(self) -> str:
        """The errors of the failed steps, or the status if no step reported an error."""
        return "; ".join(self.errors) or f"run {self.run_id} ended: {self.status.lower()}"


class DagsterRuns:
    """Starts and watches runs on one Dagster webserver.

    Args:
        base_url: URL of Dagster's UI.
        transport: replacement of the network in tests.
    """

    def __init__(self, base_url: str, transport: "httpx.BaseTransport | None" = None) -> None:
        self._address = parse_address(base_url.rstrip("/"))
        self._transport = transport

    def query(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of a GraphQL response.

        Raises:
            DagsterUnavailable: no response, or a response with errors.
        """
        # The API imports this module when it starts; importing httpx takes a fifth of that time.
        import httpx

        request = {"query": query, "variables": dict(variables)}
        try:
            with httpx.Client(
                auth=self._address.credentials, timeout=TIMEOUT_SECONDS, transport=self._transport
            ) as client:
                payload = client.post(f"{self._address.url}/graphql", json=request).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise DagsterUnavailable(
                f"Dagster at {self._address.url} gave no valid answer ({error or type(error).__name__}); "
                "start the product with `rps up`, or set RPS_DAGSTER_URL to a running Dagster"
            ) from error
        if payload.get("errors"):
            message = payload["errors"][0].get("message")
            raise DagsterUnavailable(f"Dagster at {self._address.url} refused the query: {message}")
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
            job: name of the job; `ASSET_JOB` for any selection of assets.
            config: the run's configuration.
            assets: keys of the assets to materialise; by default all assets of the job.
            tags: tags of the run.

        Raises:
            DagsterUnavailable: no response, or a refusal, for example because the configuration is invalid.
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
        answer = self.query(_LAUNCH, {"params": params})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            problem = answer.get("message") or "; ".join(error["message"] for error in answer.get("errors", ()))
            raise DagsterUnavailable(f"Dagster does not run {job}: {problem or answer['__typename']}")
        return str(answer["run"]["runId"])

    def watch(
        self,
        run_id: str,
        log: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        patience_seconds: float = math.inf,
    ) -> WatchedRun:
        """Pass the log messages of a run to `log` until the run or the patience ends.

        Raises:
            DagsterUnavailable: no response, or Dagster does not know the run.
        """
        cursor, errors, waited = None, list[str](), 0.0
        while True:
            data = self.query(_RUN, {"id": run_id, "after": cursor})
            run = data["runOrError"]
            if run["__typename"] != "Run":
                raise DagsterUnavailable(f"Dagster does not know run {run_id}: {run.get('message')}")
            logs = data["logsForRun"]
            cursor = logs.get("cursor") or cursor
            for event in logs.get("events") or ():
                if event["__typename"] == "LogMessageEvent" and event["level"] in OUR_LOG_LEVELS:
                    log(event["message"])
                elif event["__typename"] == "ExecutionStepFailureEvent":
                    errors.append(_error_of(event))
            watched = WatchedRun(run_id, run["status"], tuple(errors))
            if (watched.has_ended and not logs.get("events")) or (not watched.has_ended and waited >= patience_seconds):
                return watched
            sleep(POLL_SECONDS)
            waited += POLL_SECONDS


def _error_of(event: Mapping[str, Any]) -> str:
    described = (event.get("failureMetadata") or {}).get("description")
    return str(described or (event.get("error") or {}).get("message") or "a step failed").strip()
