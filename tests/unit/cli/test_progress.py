"""The progress that `rps up` shows during the first training."""

import asyncio
import io
from typing import Any

import pytest

from rps_cli.up.bootstrap import missing_games
from rps_cli.up.display import PlainDisplay, build_display
from rps_cli.up.progress import LoopProgress, count_served, parse_progress
from rps_core.api_client import ApiClient
from rps_core.settings import load_settings


def run(status: str, created: float, **changes: Any) -> dict[str, Any]:
    steps = {"stepStats": [], "executionPlan": {"steps": [{"key": str(number)} for number in range(22)]}}
    return {"runId": "3e9aaef8-2738", "status": status, "creationTime": created, **steps, **changes}


def payload(*, training: list[Any] = (), serving: list[Any] = (), ticks: list[Any] = ()) -> dict[str, Any]:  # type: ignore[assignment]
    sensor = {"sensorState": {"ticks": list(ticks)}}
    runs = {"training": {"results": list(training)}, "serving": {"results": list(serving)}}
    return {"data": {**runs, "training_sensor": sensor, "serving_sensor": {}}}


def test_a_run_shows_its_progress_and_the_current_step() -> None:
    steps = [{"stepKey": "training__games", "status": "SUCCESS"}, {"stepKey": "models__brian", "status": "IN_PROGRESS"}]
    progress = parse_progress(payload(training=[run("STARTED", 1.0, stepStats=steps)]))
    assert str(progress) == "run 3e9aaef8 started: 1 of 22 steps, models/brian"


def test_the_run_in_progress_is_shown_rather_than_a_newer_one_that_ended() -> None:
    progress = parse_progress(payload(training=[run("QUEUED", 1.0)], serving=[run("FAILURE", 2.0)]))
    assert progress.status == "QUEUED"


def test_between_runs_the_reason_of_the_sensor_is_shown() -> None:
    ticks = [{"status": "SKIPPED", "skipReason": "57 usable examples; the first training waits for 300", "error": None}]
    assert str(parse_progress(payload(ticks=ticks))) == "57 usable examples; the first training waits for 300"
    ended = parse_progress(payload(training=[run("FAILURE", 1.0)], ticks=ticks))
    assert str(ended).startswith("run 3e9aaef8 ended: failure; 57 usable")


def test_the_error_of_a_failed_sensor_is_shown() -> None:
    ticks = [{"status": "FAILURE", "skipReason": None, "error": {"message": "StoreError: it is gone\nmore"}}]
    assert str(parse_progress(payload(ticks=ticks))) == "a sensor failed: StoreError: it is gone"


@pytest.mark.parametrize("answer", [None, {}, {"data": None, "errors": [{"message": "x"}]}, payload()])
def test_an_empty_answer_gives_an_empty_progress(answer: Any) -> None:
    assert parse_progress(answer) == LoopProgress()
    assert str(LoopProgress()) == "waiting for the sensors"


def test_an_api_that_does_not_answer_serves_no_models() -> None:
    assert asyncio.run(count_served(ApiClient("http://127.0.0.1:9"))) == 0


@pytest.mark.parametrize(("finished", "served", "missing"), [(0, 0, 600), (599, 0, 1), (700, 0, 0), (0, 3, 0)])
def test_games_are_missing_only_until_models_are_served(finished: int, served: int, missing: int) -> None:
    assert missing_games(finished, served, load_settings().operations) == missing


def test_plain_lines_are_repeated_only_when_they_change() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream, lambda: 1.25)
    with display:
        for done in range(1, 41):
            display.progress("games", done, 40, "")
        display.progress("models", 0, 12, "waiting")
        display.progress("models", 0, 12, "waiting")
        display.finish("models")
        display.progress("nothing", 0, 0, "")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[  1.2 s] games: 1 of 40"
    assert len([line for line in lines if "games" in line]) == 11
    assert len([line for line in lines if "waiting" in line]) == 1


def test_a_file_gets_plain_lines() -> None:
    assert isinstance(build_display(io.StringIO()), PlainDisplay)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars_and_markup_in_texts_is_not_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with build_display(stream) as display:
        display.say("a [bold]text[/bold] with brackets")
        display.progress("games", 3, 40, "[red]")
        display.progress("games", 4, 40, "[red]")
        display.finish("games")
        display.finish("games")
    assert not isinstance(display, PlainDisplay)
    assert "a [bold]text[/bold] with brackets" in stream.getvalue()
