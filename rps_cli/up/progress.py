"""Progress of the first training, read from Dagster's GraphQL and the API."""

import asyncio
from typing import Any, NamedTuple

import httpx

from rps_core.api_client import ApiClient, ApiError
from rps_core.dagster_runs import CODE_LOCATION

SENSORS = ("training_sensor", "serving_sensor")
LOOPS = ("training", "serving")
_REPOSITORY = f'repositoryName: "__repository__", repositoryLocationName: "{CODE_LOCATION}"'
_RUN = """
  {loop}: runsOrError(filter: {{tags: [{{key: "rps/loop", value: "{loop}"}}]}}, limit: 1) {{
    ... on Runs {{ results {{
      runId status creationTime
      stepStats {{ stepKey status }}
      executionPlan {{ steps {{ key }} }}
    }} }}
  }}"""
_SENSOR = """
  {name}: sensorOrError(sensorSelector: {{{repository}, sensorName: "{name}"}}) {{
    ... on Sensor {{ sensorState {{ ticks(limit: 1) {{ status skipReason error {{ message }} }} }} }}
  }}"""
_FIELDS = [_RUN.format(loop=loop) for loop in LOOPS]
_FIELDS += [_SENSOR.format(name=name, repository=_REPOSITORY) for name in SENSORS]
QUERY = f"query LoopProgress {{{''.join(_FIELDS)}\n}}"
IN_PROGRESS = frozenset({"QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"})


class LoopProgress(NamedTuple):
    """The newest run of the loop and the last answers of the sensors.

    Attributes:
        run: the first characters of the run's id; None before the first run.
        status: the run's status, as Dagster names it.
        steps_done, steps_total: numbers of its steps.
        current: the steps that are running.
        ticks: for each sensor, why its last tick started nothing, or the error of that tick.
    """

    run: str | None = None
    status: str = ""
    steps_done: int = 0
    steps_total: int = 0
    current: tuple[str, ...] = ()
    ticks: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.run is not None and self.status in IN_PROGRESS:
            steps = f"{self.steps_done} of {self.steps_total} steps" if self.steps_total else "waiting for its process"
            return f"run {self.run} {self.status.lower()}: {steps}" + "".join(f", {step}" for step in self.current)
        last = f"run {self.run} ended: {self.status.lower()}; " if self.run else ""
        return last + ("; ".join(self.ticks) or "waiting for the sensors")


def parse_progress(payload: Any) -> LoopProgress:
    """Read the answer to `QUERY`; missing parts keep their defaults."""
    data = (payload or {}).get("data") or {}
    runs = [run for loop in LOOPS for run in (data.get(loop) or {}).get("results") or []]
    ticks = tuple(filter(None, (_last_tick(data.get(name) or {}) for name in SENSORS)))
    if not runs:
        return LoopProgress(ticks=ticks)
    run = max(runs, key=lambda run: (run["status"] in IN_PROGRESS, run["creationTime"]))
    steps = run.get("stepStats") or []
    return LoopProgress(
        run=str(run["runId"])[:8],
        status=str(run["status"]),
        steps_done=sum(step.get("status") in {"SUCCESS", "SKIPPED", "FAILURE"} for step in steps),
        steps_total=len((run.get("executionPlan") or {}).get("steps") or []),
        current=tuple(_readable(step["stepKey"]) for step in steps if step.get("status") == "IN_PROGRESS"),
        ticks=ticks,
    )


def _readable(step_key: str) -> str:
    # Dagster joins the parts of an asset key by two underscores.
    return step_key.replace("__", "/")


def _last_tick(sensor: dict[str, Any]) -> str | None:
    ticks = (sensor.get("sensorState") or {}).get("ticks") or []
    if not ticks:
        return None
    error = ticks[0].get("error")
    return f"a sensor failed: {error['message'].splitlines()[0]}" if error else ticks[0].get("skipReason")


async def read_progress(client: httpx.AsyncClient, dagster_url: str) -> LoopProgress:
    """Ask Dagster for the progress; it is empty until Dagster answers."""
    try:
        response = await client.post(f"{dagster_url}/graphql", json={"query": QUERY})
        return parse_progress(response.raise_for_status().json())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, AttributeError):
        return LoopProgress()


async def count_served(api: ApiClient) -> int:
    """Return how many slots the API serves; 0 if it does not answer."""
    try:
        return len(await asyncio.to_thread(api.served_models))
    except ApiError:
        return 0


async def answers(client: httpx.AsyncClient, url: str) -> bool:
    """Return whether a GET request to `url` succeeds."""
    try:
        return (await client.get(url)).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
