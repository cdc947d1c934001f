"""How long it takes until all is well again: measured and told, never asserted."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import httpx

from tests.integration.conftest import wait_until

# Waits end as soon as what they wait for is there; a busy machine may take long.
PATIENCE_SECONDS = 240.0


class Recovered(Protocol):
    """Waits for `is_well`; a server that does not answer is not well yet. Notes the time under `what`."""

    def __call__(self, what: str, is_well: Callable[[], bool], *, since: float | None = None) -> None: ...


def recovery_of(note: Callable[[str, float], None]) -> Recovered:
    """Return what waits, and tells `note` how many seconds passed since `since` (of `time.monotonic`) or its call."""

    def wait(what: str, is_well: Callable[[], bool], *, since: float | None = None) -> None:
        began = time.monotonic() if since is None else since
        wait_until(lambda: holds(is_well), f"recovery ({what})", PATIENCE_SECONDS)
        note(what, round(time.monotonic() - began, 2))

    return wait


def holds(condition: Callable[[], bool]) -> bool:
    """Return whether a condition holds; one that gets no answer does not."""
    with suppress(httpx.HTTPError):
        return condition()
    return False
