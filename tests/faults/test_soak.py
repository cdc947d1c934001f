"""What a long run is judged by: growth, leaks and errors are named, noise is not."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tools.soak import Sample, Upheaval, judge

STEADY = Sample(
    at_seconds=0,
    rounds_per_second=100,
    median_ms=2,
    p99_ms=9,
    max_ms=30,
    errors=0,
    memory_mb=200,
    descriptors=40,
    threads=12,
)
LOAD = 100.0


def test_a_steady_run_is_well_also_where_it_warmed_up_first() -> None:
    warming = [replace(STEADY, memory_mb=100 + 20 * number, p99_ms=60) for number in range(5)]
    assert judge([*warming, *[STEADY] * 15], LOAD) == []


def test_noise_is_no_trend() -> None:
    assert (
        judge([replace(STEADY, memory_mb=200 + number % 3, p99_ms=9 + 5 * (number % 2)) for number in range(40)], LOAD)
        == []
    )


@pytest.mark.parametrize(
    ("name", "step", "said"),
    [
        ("memory_mb", 3, "memory grew from"),
        ("descriptors", 1, "the number of descriptors grew from"),
        ("threads", 1, "the number of threads grew from"),
        ("p99_ms", 2, "the 99th percentile grew from"),
    ],
)
def test_what_grows_is_named_with_both_figures(name: str, step: float, said: str) -> None:
    (fault,) = judge([replace(STEADY, **{name: getattr(STEADY, name) + step * number}) for number in range(40)], LOAD)
    assert fault.startswith(said)


def test_one_error_is_too_many() -> None:
    assert judge([*[STEADY] * 39, replace(STEADY, errors=1)], LOAD) == ["1 requests failed"]


def test_three_samples_tell_no_trend() -> None:
    assert judge([STEADY] * 3, LOAD) == ["3 samples are too few to see a trend"]


def test_a_pause_that_no_percentile_shows_is_named() -> None:
    assert judge([*[STEADY] * 39, replace(STEADY, max_ms=5_000)], LOAD) == ["the slowest round took 5000 ms"]


def test_less_play_than_was_meant_is_named() -> None:
    assert judge([STEADY] * 40, 2 * LOAD) == ["100 rounds a second were played instead of 200"]


def test_what_stops_the_upheaval_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.soak.SWAP_SECONDS", 0.01)
    upheaval = Upheaval()
    (tmp_path / "model_cache").write_text("no folder")
    with upheaval.going_on(tmp_path):
        deadline = time.monotonic() + 20
        while not upheaval.faults and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [fault.partition(":")[0] for fault in upheaval.faults] == ["the upheaval ended early"]
