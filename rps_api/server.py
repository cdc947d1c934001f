"""Start of the server: reads the settings, and becomes Granian with our application.

The settings and their libraries take 35 megabytes, which Granian's process, the parent of the worker, would never give
back. So another program, `rps_api.granian_command`, takes the place of this one.
"""

import os
import resource
import sys
from contextlib import suppress

from rps_api.termination import become, end_on_sigterm
from rps_core.errors import SettingsError
from rps_core.settings import load_settings

MAX_BACKLOG = 4_096
OTHER_FILES = 1_024

# Granian kills a worker that needs longer to finish its requests, or to start.
KILL_SECONDS = 8


def main() -> None:
    """Prepare variables and limits, then become Granian's command line with the same arguments."""
    end_on_sigterm()
    _allow_many_connections()
    become((sys.executable, "-m", "rps_api.granian_command", *sys.argv[1:]))


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
