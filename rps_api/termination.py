"""The end of a process: by SIGTERM, at any moment, also while one program takes the place of another."""

import os
import signal
import sys
from typing import NoReturn


def end_on_sigterm() -> None:
    """End this process on SIGTERM, also one that came while `become` replaced the program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def become(command: tuple[str, ...]) -> NoReturn:
    """Replace this process with a command that calls `end_on_sigterm`; SIGTERM waits until then."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.execv(command[0], command)  # noqa: S606  # fixed arguments, no shell
