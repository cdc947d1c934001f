"""The server process: Granian with our application, ended by SIGTERM at any moment.

Without this, SIGTERM is lost in two places. A forked worker keeps the handler of its parent until it serves. The first
process of a container ignores every signal that it has no handler for.
"""

import os
import resource
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from rps_core.errors import SettingsError
from rps_core.settings import load_settings

MAX_BACKLOG = 4_096
OTHER_FILES = 1_024

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
    _allow_many_connections()
    from granian.cli import cli, entrypoint

    for parameter in cli.params:
        if parameter.name == "http1_header_read_timeout":
            # It also ends idle connections, which load balancers keep for longer than the allowed minute.
            parameter.type.max = None  # type: ignore[attr-defined]
    entrypoint()  # type: ignore[no-untyped-call]


def _allow_many_connections() -> None:
    """Set what Granian reads from its variables, and the limit of open files."""
    # `rps up` imports this module and never serves: the web framework would delay its start by half a second.
    from rps_api.connections import MAX_CONNECTIONS

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(f"rps: {error}")
    os.environ.setdefault("GRANIAN_HTTP1_HEADER_READ_TIMEOUT", str(settings.http.keep_alive_seconds * 1_000))
    os.environ.setdefault("GRANIAN_BACKLOG", str(MAX_BACKLOG))
    os.environ.setdefault("GRANIAN_BACKPRESSURE", str(MAX_CONNECTIONS))
    # The time limits of a connection assume one request at a time.
    os.environ.setdefault("GRANIAN_HTTP", "1")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    with suppress(ValueError, OSError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


if __name__ == "__main__":
    main()
