"""How many cases a test gets, from which seed, and the count of those that ran."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

# Read when the module is, before any fixture cleans the environment.
TIMES = int(os.environ.get("RPS_FUZZ_TIMES", "1"))
COUNTED = "fuzz_cases"
ran: Counter[str] = Counter()


def fuzz(cases: int, **strategies: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test `cases` times, the same cases each time; `RPS_FUZZ_TIMES` times as many from a seed where it is set.

    The seed is pytest's ``--hypothesis-seed``.
    """
    chosen = settings(
        max_examples=cases * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        # Mending is quicker with the case as it was found than waiting for the smallest one.
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
    """Let an error of the documented kinds pass, which says what is wrong; any other one fails the test."""
    try:
        yield
    except kinds as error:
        require_message(error)


def require_message(error: Exception) -> None:
    """Fail where an error says nothing, or repeats more of its input than the longest path that was tried."""
    assert 10 < len(str(error)) < 12_000, str(error)[:200]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many cases there were, and how they can be had again."""
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
    told = "the same in each run" if TIMES == 1 else f"seed {seed}"
    terminalreporter.section("fuzzing")
    for nodeid, cases in sorted(found):
        terminalreporter.write_line(f"{cases:>8,}  {nodeid}")
    terminalreporter.write_line(f"{sum(cases for _, cases in found):>8,}  cases, {told}")
