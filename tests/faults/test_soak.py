"""What a long run is judged by: growth, leaks and errors are named, noise is not."""

from dataclasses import replace

import pytest

from tools.soak import Sample, judge

STEADY = Sample(
    at_seconds=0,
    rounds_per_second=100,
    median_ms=2,
    p99_ms=9,
    errors=0,
    memory_mb=200,
    descriptors=40,
    threads=12,
)


def test_a_steady_run_is_well_also_where_it_warmed_up_first() -> None:
    warming = [replace(STEADY, memory_mb=100 + 20 * number, p99_ms=60) for number in range(5)]
    assert judge([*warming, *[STEADY] * 15]) == []


def test_noise_is_no_trend() -> None:
    assert (
        judge([replace(STEADY, memory_mb=200 + number % 3, p99_ms=9 + 5 * (number % 2)) for number in range(40)]) == []
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
    (fault,) = judge([replace(STEADY, **{name: getattr(STEADY, name) + step * number}) for number in range(40)])
    assert fault.startswith(said)


def test_one_error_is_too_many() -> None:
    assert judge([*[STEADY] * 39, replace(STEADY, errors=1)]) == ["1 requests failed"]


def test_three_samples_tell_no_trend() -> None:
    assert judge([STEADY] * 3) == ["3 samples are too few to see a trend"]
