"""Start of the server: reads the settings, and becomes Granian with our application.

What is imported stays in memory: 35 megabytes of the settings and their libraries in Granian's process, the parent of
the worker, and ten of Alembic in the worker. So both are used here, and then `rps_api.granian_command` takes over.
"""

import os
import resource
import sys
from contextlib import suppress

from rps_api.termination import become, end_on_sigterm
from rps_core.errors import RpsError, SettingsError
from rps_core.settings import HttpSettings, StorageSettings, load_settings

MAX_BACKLOG = 4_096
OTHER_FILES = 1_024

# Granian kills a worker that needs longer to finish its requests, or to start.
KILL_SECONDS = 8


def main() -> None:
    """Prepare variables, limits and a new store, then become Granian's command line with the same arguments."""
    end_on_sigterm()
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(f"rps: {error}")
    _allow_many_connections(settings.http)
    if not (settings.storage.database_url_override or settings.storage.store_file.exists()):
        _create_store(settings.storage)
    become((sys.executable, "-m", "rps_api.granian_command", *sys.argv[1:]))


def _create_store(storage: StorageSettings) -> None:
    """Create a new store. If that fails, the worker tries again and says why; it also upgrades older stores."""
    # Imported here, because nearly every start finds a store.
    from rps_core.store import open_engine, upgrade_store

    with suppress(RpsError, OSError):
        engine = open_engine(storage.database_url, **storage.engine_options)
        upgrade_store(engine)
        engine.dispose()


def _allow_many_connections(http: HttpSettings) -> None:
    """Set what Granian reads from its variables, and the limit of open files."""
    # `rps up` imports this module and never serves: the web framework would delay its start by half a second.
    from rps_api.connections import MAX_CONNECTIONS

    os.environ.setdefault("GRANIAN_HTTP1_HEADER_READ_TIMEOUT", str(http.keep_alive_seconds * 1_000))
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
