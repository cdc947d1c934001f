"""The verdict of the soak test names growth, leaks and errors, but not noise."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tools.soak import Churn, Sample, judge

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


def test_a_steady_run_passes_after_a_warm_up() -> None:
    warming = [replace(STEADY, memory_mb=100 + 20 * number, p99_ms=60) for number in range(5)]
    assert judge([*warming, *[STEADY] * 15], LOAD) == []


def test_noise_is_not_a_trend() -> None:
    assert (
        judge([replace(STEADY, memory_mb=200 + number % 3, p99_ms=9 + 5 * (number % 2)) for number in range(40)], LOAD)
        == []
    )


@pytest.mark.parametrize(
    ("name", "step", "message"),
    [
        ("memory_mb", 3, "memory grew from"),
        ("descriptors", 1, "the number of descriptors grew from"),
        ("threads", 1, "the number of threads grew from"),
        ("p99_ms", 2, "the 99th percentile grew from"),
    ],
)
def test_growth_is_reported_with_both_values(name: str, step: float, message: str) -> None:
    (fault,) = judge([replace(STEADY, **{name: getattr(STEADY, name) + step * number}) for number in range(40)], LOAD)
    assert fault.startswith(message)


def test_a_single_error_is_a_fault() -> None:
    assert judge([*[STEADY] * 39, replace(STEADY, errors=1)], LOAD) == ["1 requests failed"]


def test_three_samples_are_too_few_for_a_trend() -> None:
    assert judge([STEADY] * 3, LOAD) == ["3 samples are too few for a trend; run for more minutes"]


def test_a_pause_that_does_not_show_in_percentiles_is_reported() -> None:
    assert judge([*[STEADY] * 39, replace(STEADY, max_ms=5_000)], LOAD) == ["the slowest round took 5000 ms"]


def test_a_rate_below_the_target_is_reported() -> None:
    assert judge([STEADY] * 40, 2 * LOAD) == ["100 rounds a second were played instead of 200"]


def test_an_error_that_ends_the_swaps_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.soak.SWAP_SECONDS", 0.01)
    churn = Churn()
    (tmp_path / "model_cache").write_text("no folder")
    with churn.running(tmp_path):
        deadline = time.monotonic() + 20
        while not churn.faults and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [fault.partition(":")[0] for fault in churn.faults] == ["swaps or ledger entries ended early"]
