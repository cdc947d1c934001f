"""Starting and watching runs through GraphQL, and the table of experiments."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rps_cli.commands.experiments import rows_of
from rps_core.dagster_runs import POLL_SECONDS, DagsterRuns, DagsterUnavailable


def dagster(*answers: Any, requests: list[Any] | None = None) -> DagsterRuns:
    """Return runs on a webserver that gives these answers in order."""
    remaining = iter(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(json.loads(request.content)["variables"])
        return httpx.Response(200, json=next(remaining))

    return DagsterRuns("http://dagster", httpx.MockTransport(handle))


def state(status: str, *events: dict[str, Any], cursor: str = "1") -> Any:
    logs = {"cursor": cursor, "events": list(events)}
    return {"data": {"runOrError": {"__typename": "Run", "status": status}, "logsForRun": logs}}


def logged(message: str, level: str = "INFO") -> dict[str, Any]:
    return {"__typename": "LogMessageEvent", "message": message, "level": level}


def test_a_job_is_queued_with_its_configuration() -> None:
    requests: list[Any] = []
    launched = {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "abc"}}}}
    assert dagster(launched, requests=requests).launch("roll_back_by_hand", {"ops": {}}) == "abc"
    assert requests[0]["params"]["selector"]["jobName"] == "roll_back_by_hand"
    assert requests[0]["params"]["runConfigData"] == {"ops": {}}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"__typename": "RunConfigValidationInvalid", "errors": [{"message": "no reason"}]}, "no reason"),
        ({"__typename": "PipelineNotFoundError", "message": "no such job"}, "no such job"),
        ({"__typename": "ConflictingExecutionParamsError"}, "ConflictingExecutionParamsError"),
    ],
)
def test_the_message_of_a_refusal_is_reported(answer: dict[str, Any], message: str) -> None:
    with pytest.raises(DagsterUnavailable, match=f"does not run x: {message}"):
        dagster({"data": {"launchRun": answer}}).launch("x", {})


def test_a_run_is_watched_to_its_end_and_only_messages_of_our_code_are_passed_on() -> None:
    messages: list[str] = []
    engine = {"__typename": "EngineEvent", "message": "starting", "level": "DEBUG"}
    answers = [
        state("QUEUED"),
        state("STARTED", engine, logged("moved", "INFO"), logged("noise", "DEBUG")),
        state("SUCCESS", logged("done", "WARNING")),
        state("SUCCESS"),
    ]
    ended = dagster(*answers).watch("abc", messages.append, lambda _: None)
    assert (ended.status, ended.errors, messages) == ("SUCCESS", (), ["moved", "done"])


def test_errors_of_failed_steps_are_kept() -> None:
    described = {"__typename": "ExecutionStepFailureEvent", "failureMetadata": {"description": "no version 9"}}
    raised = {"__typename": "ExecutionStepFailureEvent", "failureMetadata": None, "error": {"message": "disk full\n"}}
    ended = dagster(state("FAILURE", described, raised), state("FAILURE")).watch("abc", print, lambda _: None)
    assert ended.errors == ("no version 9", "disk full")


def test_watching_ends_with_the_status_of_the_run_when_the_patience_ends() -> None:
    answers = [state("QUEUED"), state("QUEUED"), state("STARTED", logged("moving"))]
    watched = dagster(*answers).watch("abc", lambda _: None, lambda _: None, patience_seconds=2 * POLL_SECONDS)
    assert (watched.has_ended, watched.status) == (False, "STARTED")
    assert dagster(state("QUEUED")).watch("abc", print, print, patience_seconds=0).status == "QUEUED"


def test_an_unknown_run_is_named_in_the_error() -> None:
    unknown = {"data": {"runOrError": {"__typename": "RunNotFoundError", "message": "gone"}, "logsForRun": {}}}
    with pytest.raises(DagsterUnavailable, match="does not know run abc: gone"):
        dagster(unknown).watch("abc", print)


def refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("handle", "message"),
    [
        (refuse_connection, "refused"),
        (lambda _: httpx.Response(502), "502"),
        (lambda _: httpx.Response(200, text="<html>"), "no valid answer"),
        (lambda _: httpx.Response(200, json={"errors": [{"message": "no field x"}]}), "refused the query: no field x"),
    ],
)
def test_an_invalid_answer_is_an_error_that_names_the_address(
    handle: Callable[[httpx.Request], httpx.Response], message: str
) -> None:
    with pytest.raises(DagsterUnavailable, match=f"http://dagster.*{message}"):
        DagsterRuns("http://dagster", httpx.MockTransport(handle)).query("query", {})


def materialised(partition: str, at: str, **metadata: float | str) -> dict[str, Any]:
    kinds = {float: "floatValue", str: "text"}
    entries = [{"label": label, kinds[type(value)]: value} for label, value in metadata.items()]
    return {"partition": partition, "timestamp": at, "metadataEntries": entries}


def test_the_table_of_experiments_shows_the_newest_result_of_each_configuration_wherever_it_was_trained() -> None:
    node = {
        "metadataEntries": [{"label": "configurations", "jsonString": '{"xgb_c01": "Reference point"}'}],
        "partitionKeys": ["xgb_c01", "xgb_c02", "xgb_c03"],
        "latestMaterializationByPartition": [
            materialised(
                "xgb_c01", "1764320400000", cv_mean_acc=0.65432, test_accuracy=0.7, dataset_fingerprint="a" * 64
            ),
            None,
        ],
    }
    trainings = [
        materialised("B", "1764324000000", configuration="xgb_c02", cv_mean_acc=0.5, dataset_fingerprint="b" * 64),
        materialised("B", "1764316800000", configuration="xgb_c01", cv_mean_acc=0.1),
    ]
    first, second, third = rows_of({"xgboost": node, "slots_xgboost": {"assetMaterializations": trainings}})
    assert first == (
        *("xgb_c01", "0.6543", "-", "-", "0.7000", "-"),
        *("2025-11-28 09:00", "experiment", "a" * 12, "Reference point"),
    )
    assert second == ("xgb_c02", "0.5000", "-", "-", "-", "-", "2025-11-28 10:00", "slot B", "b" * 12, "")
    assert third == ("xgb_c03", *["-"] * 8, "")


def test_an_answer_without_experiments_gives_no_rows() -> None:
    assert rows_of({}) == []
