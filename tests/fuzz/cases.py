"""The number of cases of each test, their seed and the count of those that ran."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

# Read at import, before a fixture cleans the environment.
TIMES = int(os.environ.get("RPS_FUZZ_TIMES", "1"))
COUNTED = "fuzz_cases"
ran: Counter[str] = Counter()


def fuzz(cases: int, **strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on `cases` fixed cases, or on `RPS_FUZZ_TIMES` times as many from pytest's ``--hypothesis-seed``."""
    chosen = settings(
        max_examples=cases * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        # The original case is quicker to fix than shrinking it is to wait for.
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def counted(*positional: Any, **named: Any) -> None:
            ran[test.__name__] += 1
            test(*positional, **named)

        return pytest.mark.timeout(120 + TIMES * 60)(chosen(given(**strategies)(counted)))  # type: ignore[no-any-return]

    return decorated


@contextmanager
def may_refuse(*kinds: type[Exception]) -> Iterator[None]:
    """Accept an error of the documented types with a useful message; any other error fails the test."""
    try:
        yield
    except kinds as error:
        require_message(error)


def require_message(error: Exception) -> None:
    """Fail if an error has no message, or repeats more of its input than the longest tested path."""
    assert 10 < len(str(error)) < 12_000, str(error)[:200]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the number of cases and how to repeat them."""
    found = [
        (report.nodeid, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == COUNTED and getattr(report, "when", "") == "teardown"
    ]
    if not found:
        return
    seed = terminalreporter.config.getoption("hypothesis_seed", None)
    repetition = "the same in each run" if TIMES == 1 else f"seed {seed}"
    terminalreporter.section("fuzzing")
    for nodeid, cases in sorted(found):
        terminalreporter.write_line(f"{cases:>8,}  {nodeid}")
    terminalreporter.write_line(f"{sum(cases for _, cases in found):>8,}  cases, {repetition}")
