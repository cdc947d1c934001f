"""Granian's command line, ended by SIGTERM at any moment. `rps_api.server` becomes it.

Without this, SIGTERM is lost in two places. A forked worker keeps the handler of its parent until it serves. The first
process of a container ignores every signal that it has no handler for.
"""

import os
import signal

from granian.cli import cli, entrypoint

from rps_api.termination import end_on_sigterm


def main() -> None:
    """Run Granian's command line."""
    end_on_sigterm()
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    for parameter in cli.params:
        if parameter.name == "http1_header_read_timeout":
            # It also ends idle connections, which load balancers keep for longer than the allowed minute.
            parameter.type.max = None  # type: ignore[attr-defined]
    entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
