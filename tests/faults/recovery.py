"""Recovery times: measured and reported, never asserted."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import httpx

from tests.integration.conftest import wait_until

# Waits end as soon as their condition holds; a busy machine may need long.
PATIENCE_SECONDS = 240.0


class Recovered(Protocol):
    """Waits until `is_well` returns True, which a silent server never does, and records the time of `event`."""

    def __call__(self, event: str, is_well: Callable[[], bool], *, since: float | None = None) -> None: ...


def recovery_of(note: Callable[[str, float], None]) -> Recovered:
    """Return a function that waits for a recovery and calls `note` with the seconds since `since` or since its call."""

    def wait(event: str, is_well: Callable[[], bool], *, since: float | None = None) -> None:
        began = time.monotonic() if since is None else since
        wait_until(lambda: holds(is_well), f"recovery ({event})", PATIENCE_SECONDS)
        note(event, round(time.monotonic() - began, 2))

    return wait


def holds(condition: Callable[[], bool]) -> bool:
    """Return whether a condition holds; without an answer it does not."""
    with suppress(httpx.HTTPError):
        return condition()
    return False
