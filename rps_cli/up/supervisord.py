"""supervisord as a child process, controlled over its Unix socket.

It starts a new session, so Ctrl-C reaches only `rps up`, which then stops everything in order. Its children lead their
own process groups and get default signal handlers, even if `rps up` inherited other ones.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, NamedTuple
from xmlrpc.client import Error as RpcError
from xmlrpc.client import Fault, ServerProxy

from rps_cli.up.layout import Layout, UpError
from rps_cli.up.programs import GROUP, STOP_SECONDS

# Python starts in a tenth of a second; a machine under heavy load needs many.
START_SECONDS = 60.0
POLL_SECONDS = 0.1


class ProcessState(NamedTuple):
    """State of one process; `state` is supervisord's name for it, such as RUNNING, BACKOFF or FATAL."""

    name: str
    state: str
    pid: int
    exit_status: int
    detail: str


class Supervisord:
    """One supervisord and its processes."""

    def __init__(self, layout: Layout, environment: Mapping[str, str]) -> None:
        self._layout = layout
        self._environment = dict(environment)
        self._log = layout.log_file("supervisord-start")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start supervisord, which starts the API; returns before it answers."""
        self._layout.supervisord_socket.unlink(missing_ok=True)
        # Not the terminal: processes that outlive a killed `rps up` would keep it open.
        with self._log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                # It uses a deprecated function of Python, which PYTHONWARNINGS=error would turn into a failure.
                *(sys.executable, "-W", "ignore::DeprecationWarning", "-m", "supervisor.supervisord"),
                *("-c", str(self._layout.supervisord_config)),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def wait_until_ready(self) -> None:
        """Wait until it answers.

        Raises:
            UpError: it ended, or did not answer in time.
        """
        for _ in range(int(START_SECONDS / POLL_SECONDS)):
            if await self._answers():
                return
            if self._process is not None and self._process.returncode is not None:
                code = self._process.returncode
                raise UpError(f"supervisord ended with code {code} when it started; read {self._log}")
            await asyncio.sleep(POLL_SECONDS)
        raise UpError(f"supervisord did not answer within {START_SECONDS:.0f} s; read {self._log}")

    async def _answers(self) -> bool:
        try:
            await self.states()
        except UpError:
            return False
        return True

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process is not None and self._process.returncode is not None

    async def states(self) -> dict[str, ProcessState]:
        """Return the state of each process by name.

        Raises:
            UpError: it does not answer.
        """
        return await asyncio.to_thread(read_states, self._layout)

    async def start_program(self, name: str) -> None:
        """Start one process, also one that was given up; returns before the process is ready."""
        await asyncio.to_thread(_call, self._layout, "startProcess", f"{GROUP}:{name}", False)

    async def stop(self) -> None:
        """Stop all processes and supervisord; kill supervisord if it takes too long."""
        if self._process is None or self.has_ended:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS + 4):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Kill supervisord itself; `leftovers` ends its processes."""
        if self._process is not None and not self.has_ended:
            self._process.kill()
            await self._process.wait()


def read_states(layout: Layout) -> dict[str, ProcessState]:
    """Return the state of each process of the supervisord that uses this layout.

    Raises:
        UpError: supervisord does not answer.
    """
    processes: Any = _call(layout, "getAllProcessInfo")
    return {
        process["name"]: ProcessState(
            process["name"],
            process["statename"],
            process["pid"],
            process["exitstatus"],
            process["spawnerr"] or process["description"],
        )
        for process in processes
    }


def end_group(leader: int) -> None:
    """Kill the rest of a dead process's group: a worker may hold the port that its successor needs."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _call(layout: Layout, method: str, *arguments: Any) -> Any:
    # Imported while supervisord starts the API, which is what the player waits for.
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport("", "", f"unix://{layout.supervisord_socket}")
    # ServerProxy wants an address; the transport uses the socket instead.
    with ServerProxy("http://127.0.0.1", transport=transport) as server:
        try:
            return getattr(server.supervisor, method)(*arguments)
        except Fault as error:
            raise UpError(f"supervisord refused {method}{arguments}: {error.faultString}") from error
        except (OSError, HTTPException, RpcError) as error:
            raise UpError(f"supervisord does not answer: {error}") from error
