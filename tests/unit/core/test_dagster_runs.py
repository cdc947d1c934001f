"""Runs started and watched through GraphQL, and what the commands make of the answers."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rps_cli.commands.experiments import rows_of, table
from rps_core.dagster_runs import POLL_SECONDS, DagsterRuns, DagsterUnavailable


def dagster(*answers: Any, asked: list[Any] | None = None) -> DagsterRuns:
    """A webserver that gives one answer after the other."""
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(json.loads(request.content)["variables"])
        return httpx.Response(200, json=left.pop(0))

    return DagsterRuns("http://dagster", httpx.MockTransport(handle))


def state(status: str, *events: dict[str, Any], cursor: str = "1") -> Any:
    logs = {"cursor": cursor, "events": list(events)}
    return {"data": {"runOrError": {"__typename": "Run", "status": status}, "logsForRun": logs}}


def said(message: str, level: str = "INFO") -> dict[str, Any]:
    return {"__typename": "LogMessageEvent", "message": message, "level": level}


def test_a_job_is_queued_with_its_configuration() -> None:
    asked: list[Any] = []
    launched = {"data": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "abc"}}}}
    assert dagster(launched, asked=asked).launch("roll_back_by_hand", {"ops": {}}) == "abc"
    assert asked[0]["params"]["selector"]["jobName"] == "roll_back_by_hand"
    assert asked[0]["params"]["runConfigData"] == {"ops": {}}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"__typename": "RunConfigValidationInvalid", "errors": [{"message": "no reason"}]}, "no reason"),
        ({"__typename": "PipelineNotFoundError", "message": "no such job"}, "no such job"),
        ({"__typename": "ConflictingExecutionParamsError"}, "ConflictingExecutionParamsError"),
    ],
)
def test_a_refusal_is_told(answer: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DagsterUnavailable, match=f"does not run x: {sentence}"):
        dagster({"data": {"launchRun": answer}}).launch("x", {})


def test_a_run_is_watched_to_its_end_and_only_our_words_are_handed_on() -> None:
    heard: list[str] = []
    engine = {"__typename": "EngineEvent", "message": "starting", "level": "DEBUG"}
    answers = [
        state("QUEUED"),
        state("STARTED", engine, said("moved", "INFO"), said("noise", "DEBUG")),
        state("SUCCESS", said("done", "WARNING")),
        state("SUCCESS"),
    ]
    ended = dagster(*answers).watch("abc", heard.append, lambda _: None)
    assert (ended.status, ended.faults, heard) == ("SUCCESS", (), ["moved", "done"])


def test_what_failed_steps_say_is_kept() -> None:
    described = {"__typename": "ExecutionStepFailureEvent", "failureMetadata": {"description": "no version 9"}}
    raised = {"__typename": "ExecutionStepFailureEvent", "failureMetadata": None, "error": {"message": "disk full\n"}}
    ended = dagster(state("FAILURE", described, raised), state("FAILURE")).watch("abc", print, lambda _: None)
    assert ended.faults == ("no version 9", "disk full")


def test_who_has_waited_long_enough_is_told_how_far_the_run_is() -> None:
    answers = [state("QUEUED"), state("QUEUED"), state("STARTED", said("moving"))]
    watched = dagster(*answers).watch("abc", lambda _: None, lambda _: None, patience_seconds=2 * POLL_SECONDS)
    assert (watched.has_ended, watched.status) == (False, "STARTED")
    assert dagster(state("QUEUED")).watch("abc", print, print, patience_seconds=0).status == "QUEUED"


def test_a_run_that_dagster_does_not_know_is_named() -> None:
    unknown = {"data": {"runOrError": {"__typename": "RunNotFoundError", "message": "gone"}, "logsForRun": {}}}
    with pytest.raises(DagsterUnavailable, match="does not know run abc: gone"):
        dagster(unknown).watch("abc", print)


def refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("handle", "sentence"),
    [
        (refuse_connection, "refused"),
        (lambda _: httpx.Response(502), "502"),
        (lambda _: httpx.Response(200, text="<html>"), "no good answer"),
        (lambda _: httpx.Response(200, json={"errors": [{"message": "no field x"}]}), "refused: no field x"),
    ],
)
def test_without_a_good_answer_the_sentence_says_what_to_do(
    handle: Callable[[httpx.Request], httpx.Response], sentence: str
) -> None:
    with pytest.raises(DagsterUnavailable, match=f"http://dagster.*{sentence}"):
        DagsterRuns("http://dagster", httpx.MockTransport(handle)).ask("query", {})


def test_the_list_of_experiments_shows_what_was_reached_and_a_dash_where_nothing_was() -> None:
    reached = [{"label": "cv_mean_acc", "floatValue": 0.65432}, {"label": "test_accuracy", "floatValue": 0.7}]
    node = {
        "metadataEntries": [{"label": "configurations", "jsonString": '{"xgb_c01": "Reference point"}'}],
        "partitionKeys": ["xgb_c01", "xgb_c02"],
        "latestMaterializationByPartition": [{"partition": "xgb_c01", "metadataEntries": reached}, None],
    }
    lines = table(rows_of({"xgboost": node}))
    assert lines[0].split() == ["configuration", "cv_mean_acc", "cv_std_acc", "test_accuracy", "test_log_loss", "note"]
    assert lines[1].split(maxsplit=5) == ["xgb_c01", "0.6543", "-", "0.7000", "-", "Reference point"]
    assert lines[2].split() == ["xgb_c02", "-", "-", "-", "-"]


def test_an_answer_without_experiments_is_an_empty_list() -> None:
    assert rows_of({}) == []
