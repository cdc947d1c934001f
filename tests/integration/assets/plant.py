"""Dagster as it runs: its webserver on a free port, its queue and its backfill daemon, over the code of one world.

The instance file is the product's own, but for the launcher: runs are threads here, because a process for each would
take ten seconds to start.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import uvicorn
import yaml
from dagster._core.execution.api import execute_run
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.origin import JobPythonOrigin
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster_webserver.app import create_app_from_workspace_process_context

from rps_cli.up.layout import INSTANCE_FILE, PROJECT
from rps_core.dagster_runs import CODE_LOCATION, DagsterRuns
from tests.builders.ports import free_port
from tests.integration.assets.world import Killed, World

# Loaded by path, so that each world has its own: Dagster keeps what it loaded from a path.
LOCATION = '''"""The code location of one world; the environment says where everything is."""

import dagster as dg

from rps_assets.definitions import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    return build_defs()
'''
# Waits end as soon as what they wait for is there; this is only how long a broken one keeps a test.
PATIENCE_SECONDS = 300.0
# A daemon and tests that look more often take the time from the runs, which are threads of the same process.
PAUSE_SECONDS = 0.3


class ThreadLauncher(SyncInMemoryRunLauncher):
    """Executes each run in a thread of this process and returns at once, as the real launcher does."""

    def launch_run(self, context: LaunchRunContext) -> None:
        origin = context.job_code_origin
        assert isinstance(origin, JobPythonOrigin)
        threading.Thread(target=self._execute, args=(origin, context.dagster_run), daemon=True).start()

    def _execute(self, origin: JobPythonOrigin, run: dg.DagsterRun) -> None:
        try:
            execute_run(recon_job_from_origin(origin), run, self._instance)
        except Killed:
            # Only the monitoring daemon notices that a process is gone; this does the daemon's work at once.
            self._instance.report_run_failed(run, message="the process of this run is gone")


class Plant:
    """A running Dagster; `url` is the value for RPS_DAGSTER_URL."""

    def __init__(self, instance: dg.DagsterInstance, context: WorkspaceProcessContext, url: str) -> None:
        self.instance = instance
        self.url = url
        self._context = context
        self._ending = threading.Event()

    def ask(self, query: str, variables: dict[str, Any]) -> Any:
        """Return the data of a GraphQL answer, requested over HTTP like in the UI."""
        return DagsterRuns(self.url).query(query, variables)

    def work(self) -> None:
        """Do what the daemon process does about queued runs and backfills, again and again."""
        logger = logging.getLogger("dagster.daemon")
        with QueuedRunCoordinatorDaemon(interval_seconds=1) as queue:
            while not self._ending.wait(PAUSE_SECONDS):
                list(execute_backfill_iteration(self._context, logger))
                list(queue.run_iteration(self._context))

    def stop(self) -> None:
        """Let the daemon end."""
        self._ending.set()


@contextmanager
def open_plant(folder: Path) -> Iterator[Plant]:
    """Start Dagster over the world that the environment names (see `set_environment`)."""
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(_home(folder))))
        location = folder / "location.py"
        location.write_text(LOCATION)
        origin = InProcessCodeLocationOrigin(
            LoadableTargetOrigin(executable_path=None, python_file=str(location), attribute="defs"),
            location_name=CODE_LOCATION,
        )
        context = stack.enter_context(WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget([origin])))
        url = stack.enter_context(serving(create_app_from_workspace_process_context(context)))
        plant = Plant(instance, context, url)
        daemon = threading.Thread(target=plant.work, daemon=True)
        daemon.start()
        stack.callback(daemon.join, 20)
        stack.callback(plant.stop)
        yield plant


@contextmanager
def serving(app: Any, port: int | None = None) -> Iterator[str]:
    """Serve an ASGI application on loopback as long as the block lasts; yield its address."""
    port = port or free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the server")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


def wait_for(is_true: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail if it never does."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < until, f"{what} never came"
        time.sleep(PAUSE_SECONDS)


def set_environment(patch: pytest.MonkeyPatch, world: World, **changes: str) -> None:
    """Set the environment that Dagster's processes have in a world."""
    named = {
        "DATA_PATH": str(world.settings.storage.data_path),
        "MLFLOW_TRACKING_URI": world.settings.services.mlflow_tracking_uri,
        "API_BASE": world.settings.services.api_base_url,
        "RPS_SQLITE_SYNCHRONOUS": world.settings.storage.sqlite_synchronous,
        "TRAINING_LEGACY_GAME_STRIDE": "1",
        **changes,
    }
    for name, value in named.items():
        patch.setenv(name, value)
    # A run that starts configures the logging of its process, which locks every handler. As threads of one process, two
    # runs could wait for each other for ever: one in a handler for the lock of logging, the other the reverse.
    patch.setattr(dg.DagsterInstance, "get_yaml_python_handlers", lambda _: [])


def _home(folder: Path) -> Path:
    home = folder / "dagster_home"
    home.mkdir()
    configured = yaml.safe_load((PROJECT / "dagster_home" / INSTANCE_FILE).read_text())
    # Dagster's own storage in the same place; the tests of the whole product run on ours.
    configured["storage"] = {"sqlite": {"base_dir": str(home)}}
    launcher = {"module": ThreadLauncher.__module__, "class": ThreadLauncher.__name__}
    # Two processes per step would follow its output, which in threads is the output of the tests.
    silence = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    changed = {"run_launcher": launcher, "compute_logs": silence}
    (home / INSTANCE_FILE).write_text(yaml.safe_dump(configured | changed))
    return home
