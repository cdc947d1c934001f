"""Sensors that watch runs and checks: they send alerts for failures, and start the reports after a serving run."""

from typing import Any

import dagster as dg
import msgspec

from rps_assets.automation.alerts import Alert, CheckCursor, check_states, plan_check_alerts, send
from rps_assets.automation.jobs import promote_and_serve_job, whole_loop_job, write_reports_job
from rps_assets.resources.typed import Operations, Services


@dg.run_failure_sensor(
    name="run_failure_sensor",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes each failed run to the log, and posts it to RPS_ALERT_WEBHOOK_URL if that is set.",
)
def run_failure_sensor(
    context: dg.RunFailureSensorContext, operations_settings: Operations, service_settings: Services
) -> None:
    """Send an alert for one failed run."""
    run = context.dagster_run
    steps = [f"{event.step_key}: {step_fault(event)}" for event in context.get_step_failure_events()]
    message = "; ".join(steps) or context.failure_event.message or "no reason given"
    send(
        Alert(
            kind="run_failure",
            subject=run.job_name,
            text=f"run {run.run_id[:8]} of {run.job_name} failed: {message}",
            url=f"{service_settings.dagster_link_url}/runs/{run.run_id}",
        ),
        operations_settings,
        context.log.error,
    )


def step_fault(event: dg.DagsterEvent) -> str:
    """Return the message of a failed step: our own sentence if there is one, otherwise the error."""
    failure = event.step_failure_data
    described = failure.user_failure_data.description if failure.user_failure_data else None
    return (described or (failure.error.message if failure.error else "") or "no reason given").strip()


@dg.sensor(
    name="check_failure_sensor",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes each check that begins to fail to the log, and posts it to RPS_ALERT_WEBHOOK_URL if that is "
    "set.",
)
def check_failure_sensor(
    context: dg.SensorEvaluationContext, operations_settings: Operations, service_settings: Services
) -> dg.SensorResult | dg.SkipReason:
    """Read the newest evaluation of every check and send an alert for each new failure."""
    repository = context.repository_def
    if repository is None:
        raise dg.DagsterInvariantViolationError("the sensor was evaluated outside its code location")
    graph = repository.asset_graph
    states = check_states(context.instance, graph.asset_check_keys)
    seen = msgspec.json.decode(context.cursor, type=CheckCursor) if context.cursor else None
    began, remembered = plan_check_alerts(states, seen)
    places = {key.name: key.asset_key for key in graph.asset_check_keys}
    for state in began:
        place = "/".join(places[state.name].path)
        send(
            Alert(
                kind="check_failure",
                subject=state.name,
                text=f"check {state.name} of {place} fails ({state.severity.lower()}): {state.message}",
                url=f"{service_settings.dagster_link_url}/assets/{place}?view=checks",
            ),
            operations_settings,
            context.log.error,
        )
    message = f"{len(began)} checks began to fail; failing now: {', '.join(remembered.failing) or 'none'}"
    return dg.SensorResult(skip_reason=message, cursor=msgspec.json.encode(remembered).decode())


@dg.run_status_sensor(
    name="reports_sensor",
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[promote_and_serve_job, whole_loop_job],
    request_job=write_reports_job,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the reports after each run that served models, because play or models have changed since the "
    "last ones.",
)
def reports_sensor(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    """Request one run of the reports for each run that served."""
    return dg.RunRequest(run_key=f"reports:{context.dagster_run.run_id}")


ALERT_SENSORS: list[Any] = [run_failure_sensor, check_failure_sensor, reports_sensor]
