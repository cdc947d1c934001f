"""One session of `rps up`: the order of its steps, from the first check to the last process.

The page comes first: the API starts together with supervisord, and what needs a second to import is imported meanwhile.
Dagster and MLflow start while scripted games are played.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from rps_cli.clock import early_clock
from rps_cli.network import accepts_connections
from rps_cli.up.checks import check_ports
from rps_cli.up.display import Display
from rps_cli.up.layout import Layout, UpError, create_folders, plan_layout
from rps_cli.up.leftovers import end_leftovers
from rps_cli.up.programs import (
    API,
    CODE,
    DAEMON,
    MLFLOW,
    PREPARE,
    WEBSERVER,
    child_environment,
    plan_programs,
    render_supervisord,
    render_workspace,
)
from rps_cli.up.record import read_record, write_record
from rps_cli.up.supervisord import ProcessState, Supervisord, end_group
from rps_cli.up.watch import RETRY_SECONDS, Event, explain_given_up, find_events, log_size, log_tail
from rps_core.addresses import parse_address, public_address
from rps_core.api_client import ApiClient
from rps_core.errors import RpsError
from rps_core.proxies import is_loopback
from rps_core.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

WATCH_SECONDS = 1.0
POLL_SECONDS = 0.2
# A stop waits for the request in progress.
API_TIMEOUT_SECONDS = 5.0
# The API starts in two seconds; a machine under load needs a minute.
START_SECONDS = 180.0
SLOW_SECONDS = 20.0
SUPERVISORD_SECONDS = 10.0
WHY_SLOW = (
    "other programs, a slow disk or a virus scanner delay its start; you can play meanwhile",
    "other programs, a slow disk or a virus scanner delay its start, or a firewall blocks its address",
)


def run_up(settings: Settings, environ: Mapping[str, str], display: Display, *, play: bool) -> None:
    """Start everything, keep it running until a signal, and return when all processes have ended.

    Args:
        settings: the configuration.
        environ: the environment that the processes inherit.
        display: shows what happens.
        play: whether to play scripted games if no models are trained yet.

    Raises:
        RpsError: a start is impossible, or the API keeps ending.
    """
    layout = plan_layout(settings.storage, environ)
    create_folders(layout)
    lock = FileLock(layout.lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        record = read_record(layout.session_file)
        holder = f"process {record.pid}" if record else "another process"
        raise UpError(
            f"`rps up` already runs on {layout.data} ({holder}); "
            "stop it with `rps down`, or set DATA_PATH to another folder"
        ) from error
    try:
        asyncio.run(_run_locked(settings, layout, environ, display, play=play))
    finally:
        # It still contains sockets if the session did not end properly.
        with suppress(OSError):
            for link in {layout.plain_mlflow, layout.plain_dagster_home} - {layout.mlflow, layout.dagster_home}:
                link.unlink(missing_ok=True)
            layout.sockets.rmdir()
        lock.release()


async def _run_locked(
    settings: Settings, layout: Layout, environ: Mapping[str, str], display: Display, *, play: bool
) -> None:
    ended = await asyncio.to_thread(end_leftovers, layout.data)
    if ended:
        display.say(f"ended {len(ended)} processes of an earlier session")
    check_ports(settings.services)
    if not is_loopback(settings.services.host):
        display.say(
            f"RPS_HOST is {settings.services.host}: anyone who can reach it can use Dagster and MLflow, which have no "
            "login"
        )
    if fault := early_clock(settings, datetime.now(UTC)):
        display.say(f"{fault}; set the clock, or set that variable to an earlier time")
    environment = child_environment(settings.services, settings.training, layout, environ)
    await _until_stopped(Session(settings, layout, environment, display), display, play=play)


async def _until_stopped(session: "Session", display: Display, *, play: bool) -> None:
    """Run the session; the first signal stops it in order, the second kills everything."""
    work = asyncio.create_task(session.run(play=play))
    hurry = asyncio.Event()

    def stop() -> None:
        if work.cancelling():
            hurry.set()
        elif work.cancel():
            display.say("stopping; press Ctrl-C again to kill everything at once")

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        with suppress(asyncio.CancelledError):
            await work
    finally:
        await session.close(hurry)
        display.say("everything is stopped")


class Session:
    """The running processes of one data folder."""

    def __init__(
        self,
        settings: Settings,
        layout: Layout,
        environment: Mapping[str, str],
        display: Display,
    ) -> None:
        self._settings = settings
        self._layout = layout
        self._display = display
        self._programs = plan_programs(settings.services, layout)
        self._supervisord = Supervisord(layout, environment)
        self._states: dict[str, ProcessState] = {}
        self._log_starts: dict[str, int] = {}
        self._api = ApiClient(environment["API_BASE"], timeout_seconds=API_TIMEOUT_SECONDS)
        self._dagster_url = environment["RPS_DAGSTER_URL"].rstrip("/")
        self.addresses = {
            "game": f"{self._api.address}/",
            "Dagster": public_address(self._dagster_url),
            "MLflow": public_address(environment["MLFLOW_TRACKING_URI"]),
        }

    async def run(self, *, play: bool) -> None:
        """Start everything and keep it running until cancelled.

        Raises:
            RpsError: the store cannot be used, the API keeps ending, or a process does not become ready.
        """
        layout = self._layout
        # Messages quote only what this session adds to the logs.
        self._log_starts = {program.name: log_size(layout.log_file(program.name)) for program in self._programs}
        layout.supervisord_config.write_text(render_supervisord(self._programs, layout))
        layout.workspace.write_text(render_workspace(layout))
        write_record(layout.session_file, self.addresses)
        await self._supervisord.start()
        # From here on the API starts, and opens the store itself.
        from rps_cli.stores import gameplay_store

        with gameplay_store(self._settings.storage, upgrade=True) as engine:
            await self._supervisord.wait_until_ready()
            await _together(self._watch(), self._launch(engine, play=play))

    async def _launch(self, engine: "Engine", *, play: bool) -> None:
        from rps_cli.up.progress import answers
        from rps_core.http_clients import async_http_client

        page, credentials = f"{self._api.address}/", parse_address(self._api.base_url).credentials
        async with async_http_client(page, auth=credentials, timeout=5.0) as client:
            await self._wait_until(API, lambda: answers(client, page))
        self._display.say(f"page playable after {self._elapsed()}")
        self._show_addresses()
        await _together(self._launch_dagster(), self._wait_for_models(engine, play=play))

    async def _wait_for_models(self, engine: "Engine", *, play: bool) -> None:
        from rps_cli.up import bootstrap

        if play:
            await bootstrap.play_missing_games(engine, self._settings, self._api, self._display)
        await bootstrap.wait_for_models(self._api, self._dagster_url, self._display)
        self._display.say(f"12 models served after {self._elapsed()}")
        self._show_addresses()

    async def _launch_dagster(self) -> None:
        layout = self._layout
        layout.code_socket.unlink(missing_ok=True)
        await self._start(PREPARE)
        await self._wait_until(PREPARE, self._is_prepared)
        await self._start(CODE)
        await self._wait_until(CODE, _at_once(layout.code_socket.exists))
        await self._start(DAEMON)
        await self._start(WEBSERVER)
        # MLflow is last, because only a trained model needs it.
        if any(program.name == MLFLOW for program in self._programs):
            await self._start(MLFLOW)
        host, port = self._settings.services.reachable_host, self._settings.services.dagster_port
        await self._wait_until(WEBSERVER, lambda: asyncio.to_thread(accepts_connections, host, port))
        self._display.say(f"Dagster's UI is up after {self._elapsed()}")

    async def _start(self, program: str) -> None:
        """Start a program of Dagster. It is tried again for ever: the game can be played without Dagster."""
        while True:
            try:
                return await self._supervisord.start_program(program)
            except UpError as error:
                if "ALREADY_STARTED" in str(error):
                    return None
                self._display.say(f"{program} cannot be started yet: {error}; trying again")
                await asyncio.sleep(SUPERVISORD_SECONDS)

    async def _is_prepared(self) -> bool:
        try:
            state = (await self._supervisord.states())[PREPARE]
        except UpError:
            return False
        if state.state == "FATAL" or (state.state == "EXITED" and state.exit_status != 0):
            self._display.say(
                f"Dagster's instance at {self._layout.dagster_home} cannot be prepared. The game goes on without it; "
                f"the next attempt is in {RETRY_SECONDS:.0f} s. The last lines of its log:\n{self._tail(PREPARE)}"
            )
            await asyncio.sleep(RETRY_SECONDS)
            await self._start(PREPARE)
            return False
        return state.state == "EXITED"

    async def _wait_until(self, program: str, is_ready: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Wait for a program, and say what for; after a while also why, with the newest line of its log.

        Raises:
            UpError: the API did not answer in time. Dagster is waited for without end, while the game goes on.
        """
        self._display.say(f"waiting for {program}")
        began, remind_after = time.monotonic(), SLOW_SECONDS
        while not await is_ready():
            waited = time.monotonic() - began
            if program == API and waited > START_SECONDS:
                raise UpError(
                    f"the API was not ready within {START_SECONDS:.0f} s; the last lines of its log:\n{self._tail(API)}"
                )
            if waited > remind_after:
                remind_after = waited + RETRY_SECONDS
                self._display.say(
                    f"still waiting for {program} after {waited:.0f} s: {WHY_SLOW[program == API]}. The newest line of "
                    f"{self._layout.log_file(program)}: {self._tail(program).splitlines()[-1]}"
                )
            await asyncio.sleep(POLL_SECONDS)

    def _tail(self, program: str) -> str:
        return log_tail(self._layout.log_file(program), self._log_starts[program])

    async def _watch(self) -> None:
        """React to processes that end, until the session ends."""
        async with asyncio.TaskGroup() as retries:
            while True:
                if self._supervisord.has_ended:
                    raise UpError("another program stopped supervisord; start again with `rps up`")
                try:
                    states = await self._supervisord.states()
                except UpError:
                    # supervisord is busy or has just ended; the next reading shows which.
                    states = self._states
                for event in find_events(self._states, states):
                    self._react(event, retries)
                self._states = states
                await asyncio.sleep(WATCH_SECONDS)

    def _react(self, event: Event, retries: asyncio.TaskGroup) -> None:
        if event.left_group is not None:
            end_group(event.left_group)
        if event.kind == "restarted":
            self._display.say(f"{event.program} ended; restarting it")
            return
        explanation = explain_given_up(
            event.program, self._layout.log_file(event.program), self._log_starts[event.program]
        )
        if event.fatal:
            raise UpError(explanation)
        self._display.say(explanation)
        retries.create_task(self._start_later(event.program))

    async def _start_later(self, program: str) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        with suppress(UpError):
            await self._supervisord.start_program(program)

    async def close(self, hurry: asyncio.Event) -> None:
        """Stop all processes in order; kill them as soon as `hurry` is set."""
        stopping = asyncio.create_task(self._supervisord.stop())
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait({stopping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        await self._supervisord.kill()
        await asyncio.gather(stopping)
        hurried.cancel()
        await asyncio.to_thread(end_leftovers, self._layout.data, grace_seconds=0.0)
        for path in (self._layout.session_file, self._layout.supervisord_socket, self._layout.code_socket):
            path.unlink(missing_ok=True)

    def _elapsed(self) -> str:
        return f"{self._display.elapsed_seconds():.1f} s"

    def _show_addresses(self) -> None:
        for name, address in self.addresses.items():
            self._display.say(f"  {name:<8} {address}")


def _at_once(question: Callable[[], bool]) -> Callable[[], Coroutine[Any, Any, bool]]:
    async def ask() -> bool:
        return question()

    return ask


async def _together(*steps: Coroutine[Any, Any, None]) -> None:
    """Run steps at the same time; the first failure cancels the others and is raised without its group."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except* RpsError as failures:
        raise _first(failures) from None


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
