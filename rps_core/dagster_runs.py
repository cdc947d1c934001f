"""Starting and watching Dagster runs through GraphQL, so that the command line and the API do not need Dagster.

A run that is started here waits in the queue and for its pool like any other, and Dagster's UI shows it.
"""

import asyncio
import importlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from rps_core.addresses import parse_address
from rps_core.errors import RpsError
from rps_core.http_clients import HttpSetupError, async_http_client, http_client, http_fault

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
UNFINISHED_STATUSES = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
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
_UNFINISHED = """
query Unfinished($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 1) {
    __typename
    ... on Runs { results { runId tags { key value } } }
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


class TaggedRun(NamedTuple):
    """A run and its tags."""

    run_id: str
    tags: Mapping[str, str]


class DagsterRuns:
    """Starts and watches runs on one Dagster webserver.

    Args:
        base_url: URL of Dagster's UI.
        transport: replacement of the network in tests.
    """

    def __init__(self, base_url: str, transport: "httpx.MockTransport | None" = None) -> None:
        self._address = parse_address(base_url.rstrip("/"))
        self._options: dict[str, Any] = {
            "auth": self._address.credentials,
            "timeout": TIMEOUT_SECONDS,
            "transport": transport,
        }

    def query(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of a GraphQL response.

        Raises:
            DagsterUnavailable: no response, or a response with errors.
        """
        with self._errors(), http_client(self._url, **self._options) as client:
            return self._data(client.post(self._url, json={"query": query, "variables": dict(variables)}))

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
        return _launched(job, self.query(_LAUNCH, {"params": _launch_params(job, config, assets, tags or {})}))

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
        progress, waited = _Progress(run_id, log), 0.0
        while True:
            watched = progress.after(self.query(_RUN, progress.variables))
            if progress.is_complete or (not watched.has_ended and waited >= patience_seconds):
                return watched
            sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    @property
    def _url(self) -> str:
        return f"{self._address.url}/graphql"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        # The API imports this module when it starts; importing httpx takes a fifth of that time.
        import httpx

        try:
            yield
        except HttpSetupError as error:
            raise DagsterUnavailable(f"Dagster at {self._address.url} cannot be called: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise DagsterUnavailable(
                f"Dagster at {self._address.url} gave no valid answer ({http_fault(error)}); "
                "start the product with `rps up`, or set RPS_DAGSTER_URL to a running Dagster"
            ) from error

    def _data(self, response: "httpx.Response") -> dict[str, Any]:
        payload = response.raise_for_status().json()
        if payload.get("errors"):
            message = payload["errors"][0].get("message")
            raise DagsterUnavailable(f"Dagster at {self._address.url} refused the query: {message}")
        return dict(payload["data"])


class AsyncDagsterRuns(DagsterRuns):
    """The same for an event loop: waiting takes no thread."""

    async def ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of a GraphQL response, like `query`."""
        # The import would stop the event loop for a moment.
        await asyncio.to_thread(importlib.import_module, "httpx")
        with self._errors():
            async with async_http_client(self._url, **self._options) as client:
                return self._data(await client.post(self._url, json={"query": query, "variables": dict(variables)}))

    async def unfinished(self, tags: Mapping[str, str]) -> TaggedRun | None:
        """Return a run with these tags that has not ended, or None.

        Raises:
            DagsterUnavailable: no response, or a refusal.
        """
        wanted = {
            "statuses": UNFINISHED_STATUSES,
            "tags": [{"key": name, "value": value} for name, value in tags.items()],
        }
        found = (await self.ask(_UNFINISHED, {"filter": wanted}))["runsOrError"]
        if found["__typename"] != "Runs":
            raise DagsterUnavailable(f"Dagster at {self._address.url} lists no runs: {found.get('message')}")
        runs = [TaggedRun(run["runId"], {tag["key"]: tag["value"] for tag in run["tags"]}) for run in found["results"]]
        return next(iter(runs), None)

    async def start(self, job: str, config: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Queue a run of a job and return its id, like `launch`."""
        return _launched(job, await self.ask(_LAUNCH, {"params": _launch_params(job, config, (), tags)}))

    async def end_of(self, run_id: str) -> WatchedRun:
        """Wait for the end of a run.

        Raises:
            DagsterUnavailable: no response, or Dagster does not know the run.
        """
        progress = _Progress(run_id, lambda _line: None)
        while True:
            watched = progress.after(await self.ask(_RUN, progress.variables))
            if progress.is_complete:
                return watched
            await asyncio.sleep(POLL_SECONDS)


class _Progress:
    """What the answers to `_RUN` have shown of a run so far."""

    def __init__(self, run_id: str, log: Callable[[str], None]) -> None:
        self._run_id, self._log = run_id, log
        self._cursor: str | None = None
        self._errors: list[str] = []
        self.is_complete = False

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the next query."""
        return {"id": self._run_id, "after": self._cursor}

    def after(self, data: Mapping[str, Any]) -> WatchedRun:
        """Return the run after another answer; raises a DagsterUnavailable if Dagster does not know it."""
        run, logs = data["runOrError"], data["logsForRun"]
        if run["__typename"] != "Run":
            raise DagsterUnavailable(f"Dagster does not know run {self._run_id}: {run.get('message')}")
        self._cursor = logs.get("cursor") or self._cursor
        events = logs.get("events") or ()
        for event in events:
            if event["__typename"] == "LogMessageEvent" and event["level"] in OUR_LOG_LEVELS:
                self._log(event["message"])
            elif event["__typename"] == "ExecutionStepFailureEvent":
                self._errors.append(_error_of(event))
        watched = WatchedRun(self._run_id, run["status"], tuple(self._errors))
        self.is_complete = watched.has_ended and not events
        return watched


def _launch_params(
    job: str, config: Mapping[str, Any], assets: Sequence[Sequence[str]], tags: Mapping[str, str]
) -> dict[str, Any]:
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
    return params


def _launched(job: str, data: Mapping[str, Any]) -> str:
    answer = data["launchRun"]
    if answer["__typename"] != "LaunchRunSuccess":
        problem = answer.get("message") or "; ".join(error["message"] for error in answer.get("errors", ()))
        raise DagsterUnavailable(f"Dagster does not run {job}: {problem or answer['__typename']}")
    return str(answer["run"]["runId"])


def _error_of(event: Mapping[str, Any]) -> str:
    described = (event.get("failureMetadata") or {}).get("description")
    return str(described or (event.get("error") or {}).get("message") or "a step failed").strip()
