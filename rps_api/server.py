"""The server process: Granian with our application, ended by SIGTERM at any moment.

Without this, SIGTERM is lost in two places. A forked worker keeps the handler of its parent until it serves. The first
process of a container ignores every signal that it has no handler for.
"""

import os
import signal
import sys
from typing import NoReturn

# Granian kills a worker that needs longer to finish its requests, or to start.
KILL_SECONDS = 8


def end_on_sigterm() -> None:
    """End this process on SIGTERM, also one that came while `become` replaced the program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def become(command: tuple[str, ...]) -> NoReturn:
    """Replace this process with a command that calls `end_on_sigterm`; SIGTERM waits until then."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.execv(command[0], command)  # noqa: S606  # fixed arguments, no shell


def main() -> None:
    """Run Granian's command line."""
    end_on_sigterm()
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    from granian.cli import entrypoint

    entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
