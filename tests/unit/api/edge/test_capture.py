"""Inference capture: the lines match the predictions, the folder stays small and play is never delayed."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from rps_api.capture import InferenceCapture, open_capture
from rps_api.capture.folder import CaptureFolder, file_name, plan_removals
from rps_api.capture.records import SeenFeatures
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.scoring import PlayedRound
from rps_core.settings import load_settings
from rps_core.store.games import NewRound, StoredGame
from tests.builders.games import START, new_game, next_round
from tests.unit.api.edge.conftest import Table

Serve = Callable[..., Table]
NIGHT = datetime(2026, 11, 25, 23, 59, 59, 900_000, tzinfo=UTC)


class Counted:
    """Counts rounds by outcome."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def __call__(self, outcome: str, count: int) -> None:
        self.outcomes[outcome] += count


class SlowFolder(CaptureFolder):
    """A folder on a disk that blocks until the test releases it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 10**9)
        self.answers = threading.Event()

    def append(self, moment: datetime, lines: bytes) -> None:
        self.answers.wait(30)
        super().append(moment, lines)


def lines_in(folder: Path) -> list[dict[str, Any]]:
    return [
        msgspec.json.decode(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_bytes().splitlines()
    ]


def fourth_round(moment: datetime = START) -> tuple[StoredGame, NewRound, dict[str, SeenFeatures]]:
    """A game after three rounds, its fourth round with the predictions of four slots, and what their models saw."""
    rounds = tuple(PlayedRound(number, "rock", "paper", (1.0, 1.2, 1.4), 0.0, 1.2 * number) for number in range(1, 4))
    game = new_game(bot_score=3.6, created_at=moment, rounds=rounds)
    new = next_round(game, "rock", "scissors", played_at=moment)
    features = [0.0] * len(CURRENT_CONTRACT.columns)
    return game, new, {made.model.run_id: SeenFeatures(CURRENT_CONTRACT, features) for made in new.predictions}


def play_a_game(table: Table) -> list[dict[str, Any]]:
    game, replies = table.start(policy="forrest")["game_id"], []
    random = Random(3)
    while not (replies and replies[-1]["finished"]):
        replies.append(table.play(game, random.choice(("rock", "paper", "scissors"))))
    return replies


def test_each_prediction_of_a_game_becomes_a_line_that_matches_the_reply(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "captured"
    table = serve(models=True, capture_inference_dir=folder)
    replies = play_a_game(table)
    table.client.__exit__()
    lines = lines_in(folder)
    predicted = [reply for reply in replies if reply["debug"]["alias_predictions"]]
    assert len(lines) == 4 * len(predicted) > 0
    by_round = {(line["round"], line["alias"]): line for line in lines}
    for reply in predicted:
        for alias, prediction in reply["debug"]["alias_predictions"].items():
            line = by_round[reply["round"], alias]
            assert line["probabilities"] == prediction["probabilities"]
            assert (line["model_version"], line["run_id"]) == (prediction["model_version"], prediction["model_run_id"])
            assert line["pick"] == prediction["predicted_move"]
            assert list(line["features"]) == list(CURRENT_CONTRACT.columns)
            assert list(line["features"].values()) == reply["debug"]["features"]
            assert (line["model_type"], line["source"]) == ("xgboost", "mlflow")
    assert sum(line["plays"] for line in lines) == len(predicted)


def test_nothing_is_written_without_a_configured_folder(serve: Serve, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*.jsonl"))
    play_a_game(serve(models=True))
    assert set(tmp_path.rglob("*.jsonl")) == before


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_rate_of_zero_or_less_disables_capture(rate: float, tmp_path: Path) -> None:
    settings = load_settings(capture_inference_dir=tmp_path, capture_inference_sample_rate=rate)
    assert open_capture(settings.operations, Counted()) is None


def test_a_share_of_the_rounds_is_captured(tmp_path: Path) -> None:
    counted = Counted()
    capture = InferenceCapture(CaptureFolder(tmp_path, 10**9), counted, sample_rate=0.25, random=Random(5))
    for _ in range(1_000):
        capture.record(*fourth_round())
    capture.start()
    capture.stop()
    assert 200 < counted.outcomes["written"] < 300
    assert len(lines_in(tmp_path)) == 4 * counted.outcomes["written"]


def test_a_slow_disk_does_not_delay_play_and_dropped_rounds_are_counted(tmp_path: Path) -> None:
    counted, folder = Counted(), SlowFolder(tmp_path)
    capture = InferenceCapture(folder, counted, sample_rate=1.0, queue_size=10)
    capture.start()
    for _ in range(500):
        capture.record(*fourth_round())
    assert counted.outcomes["dropped"] >= 500 - 2 * 10 - 1
    folder.answers.set()
    capture.stop()
    assert counted.outcomes["dropped"] + counted.outcomes["written"] == 500


def test_play_continues_if_the_folder_is_not_writable_and_failures_are_counted(serve: Serve, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    table = serve(models=True, capture_inference_dir=blocked)
    assert play_a_game(table)[-1]["finished"]
    metrics = ""
    for _ in range(200):
        metrics = table.client.get("/metrics").text
        if 'rps_inference_captured_rounds_total{outcome="failed"} 0.0' not in metrics:
            break
        threading.Event().wait(0.02)
    assert 'rps_inference_captured_rounds_total{outcome="failed"} 0.0' not in metrics
    assert 'rps_inference_captured_rounds_total{outcome="written"} 0.0' in metrics


def test_midnight_starts_a_new_file(tmp_path: Path) -> None:
    capture = InferenceCapture(CaptureFolder(tmp_path, 10**9), Counted(), sample_rate=1.0)
    capture.record(*fourth_round(NIGHT))
    capture.record(*fourth_round(NIGHT + timedelta(seconds=1)))
    capture.start()
    capture.stop()
    assert [name[:20] for name in sorted(path.name for path in tmp_path.iterdir())] == [
        "inference-2026-11-25",
        "inference-2026-11-26",
    ]


def test_days_are_counted_in_utc() -> None:
    tokyo = datetime.fromisoformat("2026-11-26T08:00:00+09:00")
    assert file_name(tokyo, 7) == "inference-2026-11-25-7.jsonl"


def test_the_oldest_days_are_removed_first_and_only_as_many_as_needed() -> None:
    sizes = {f"inference-2026-11-{day}-1.jsonl": 40 for day in (23, 21, 24, 22)}
    names = list(sizes)
    assert plan_removals(sizes, 100, names[2]) == [names[1], names[3]]
    assert plan_removals(sizes, 160, names[2]) == []


def test_a_current_file_above_the_limit_is_removed() -> None:
    name = "inference-2026-11-24-1.jsonl"
    assert plan_removals({name: 500}, 100, name) == [name]


def test_the_folder_stays_within_its_limit_over_many_days(tmp_path: Path) -> None:
    folder, line = CaptureFolder(tmp_path, 100_000), b"x" * 999 + b"\n"
    for hour in range(1_000):
        folder.append(START + timedelta(hours=hour), line)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 102_000
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1] == file_name(START + timedelta(hours=999), int(names[-1].rpartition("-")[2].partition(".")[0]))
    assert len(names) >= 4, "recent days are kept"


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("mine" * 1_000)
    folder = CaptureFolder(tmp_path, 2_000)
    for _ in range(10):
        folder.append(START, b"x" * 999 + b"\n")
    assert (tmp_path / "notes.jsonl").exists()
