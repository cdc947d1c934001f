"""Events of processes, and the explanation of a process that keeps ending."""

from pathlib import Path

import pytest

from rps_cli.up.programs import API, CODE, MLFLOW, PREPARE
from rps_cli.up.supervisord import ProcessState
from rps_cli.up.watch import Event, explain_given_up, find_events, log_size, log_tail


def state(name: str, word: str, pid: int = 0) -> dict[str, ProcessState]:
    return {name: ProcessState(name, word, pid, 0, "")}


def test_a_first_reading_or_an_equal_one_gives_no_events() -> None:
    running = state(MLFLOW, "RUNNING", 7)
    assert find_events({}, running) == []
    assert find_events(running, running) == []
    assert find_events(state(MLFLOW, "STOPPED"), running) == []
    assert find_events(state(MLFLOW, "STARTING", 7), running) == []


@pytest.mark.parametrize("after", [state(MLFLOW, "BACKOFF"), state(MLFLOW, "RUNNING", 8), state(MLFLOW, "STARTING", 8)])
def test_a_process_that_ended_is_noticed_and_its_group_is_cleared(after: dict[str, ProcessState]) -> None:
    assert find_events(state(MLFLOW, "RUNNING", 7), after) == [Event(MLFLOW, "restarted", False, 7)]


def test_run_workers_of_a_dead_code_server_are_not_killed() -> None:
    assert find_events(state(CODE, "RUNNING", 7), state(CODE, "RUNNING", 8)) == [Event(CODE, "restarted", False, None)]


def test_only_the_api_is_fatal_when_it_is_given_up_and_the_event_occurs_once() -> None:
    given_up = state(API, "FATAL")
    assert find_events(state(API, "BACKOFF"), given_up) == [Event(API, "given_up", True, None)]
    assert find_events(given_up, given_up) == []
    assert find_events(state(MLFLOW, "STARTING", 7), state(MLFLOW, "FATAL")) == [Event(MLFLOW, "given_up", False, 7)]


def test_a_stopped_process_and_the_preparation_give_no_events() -> None:
    assert find_events(state(MLFLOW, "RUNNING", 7), state(MLFLOW, "STOPPED")) == []
    assert find_events(state(PREPARE, "RUNNING", 7), state(PREPARE, "EXITED")) == []


def test_the_last_lines_of_a_log_explain_why(tmp_path: Path) -> None:
    log = tmp_path / "mlflow.log"
    log.write_bytes(b"old " * 5_000 + b"\n" + b"\n".join(b"line %d" % number for number in range(20)) + b"\n\xff\n")
    explanation = explain_given_up(MLFLOW, log)
    assert "mlflow keeps ending" in explanation
    assert str(log) in explanation
    assert "    line 19" in explanation
    assert "line 12\n" not in explanation
    assert "old" not in explanation


def test_only_the_lines_of_this_start_are_quoted(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("yesterday\n")
    start = log_size(log)
    assert log_tail(log, start) == "(the log is empty)"
    with log.open("a") as file:
        file.write("today\n")
    assert log_tail(log, start) == "today"
    # supervisord began a new file.
    log.write_text("new\n")
    assert log_tail(log, start) == "new"


def test_a_missing_and_an_empty_log_give_a_remark(tmp_path: Path) -> None:
    assert log_tail(tmp_path / "none.log") == "(there is no log)"
    (tmp_path / "empty.log").touch()
    assert log_tail(tmp_path / "empty.log") == "(the log is empty)"
