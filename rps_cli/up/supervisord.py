"""supervisord as a child: started with a generated configuration, asked and told over its Unix socket.

It lives in a session of its own, so that Ctrl-C reaches `rps up` alone, which then stops everything in order. Its
children are leaders of their own process groups and get default signal handlers, whatever `rps up` inherited.
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

from supervisor.xmlrpc import SupervisorTransport

from rps_cli.up.layout import Layout, UpError
from rps_cli.up.programs import GROUP, STOP_SECONDS

START_SECONDS = 15.0
POLL_SECONDS = 0.1


class ProcessState(NamedTuple):
    """What supervisord says of one process; `state` is its word, such as RUNNING, BACKOFF or FATAL."""

    name: str
    state: str
    pid: int
    exit_status: int
    detail: str


class Supervisord:
    """One supervisord and what it supervises."""

    def __init__(self, layout: Layout, environment: Mapping[str, str]) -> None:
        self._layout = layout
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it can be asked.

        Raises:
            UpError: it ended, or did not answer in time.
        """
        self._layout.supervisord_socket.unlink(missing_ok=True)
        log = self._layout.log_file("supervisord-start")
        # A file of its own: a pipe of the terminal would be held open by what outlives a killed `rps up`.
        with log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                # It uses a function that Python has deprecated; a strict environment must not turn that into a failure.
                *(sys.executable, "-W", "ignore::DeprecationWarning", "-m", "supervisor.supervisord"),
                *("-c", str(self._layout.supervisord_config)),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        for _ in range(int(START_SECONDS / POLL_SECONDS)):
            if await self._answers():
                return
            if self._process.returncode is not None:
                raise UpError(f"supervisord ended at once with code {self._process.returncode}; see {log}")
            await asyncio.sleep(POLL_SECONDS)
        raise UpError(f"supervisord did not answer within {START_SECONDS:.0f} s; see {log}")

    async def _answers(self) -> bool:
        try:
            await self.states()
        except UpError:
            return False
        return True

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, wanted or not."""
        return self._process is not None and self._process.returncode is not None

    async def states(self) -> dict[str, ProcessState]:
        """Return the state of each process by name.

        Raises:
            UpError: it does not answer.
        """
        return await asyncio.to_thread(read_states, self._layout)

    async def start_program(self, name: str) -> None:
        """Start one process, or start it again after it was given up; returns before it is ready."""
        await asyncio.to_thread(_call, self._layout, "startProcess", f"{GROUP}:{name}", False)

    async def stop(self) -> None:
        """Ask it to stop everything and end; kills what has not ended after the longest time it may take."""
        if self._process is None or self.has_ended:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS + 4):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Kill supervisord itself; what it supervised is left to `leftovers`."""
        if self._process is not None and not self.has_ended:
            self._process.kill()
            await self._process.wait()


def read_states(layout: Layout) -> dict[str, ProcessState]:
    """Return the state of each process of whatever supervisord answers for this layout.

    Raises:
        UpError: none answers.
    """
    told: Any = _call(layout, "getAllProcessInfo")
    return {
        process["name"]: ProcessState(
            process["name"],
            process["statename"],
            process["pid"],
            process["exitstatus"],
            process["spawnerr"] or process["description"],
        )
        for process in told
    }


def end_group(leader: int) -> None:
    """Kill what a dead process left in its group: a worker that holds the port which its successor needs."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _call(layout: Layout, method: str, *arguments: Any) -> Any:
    transport = SupervisorTransport("", "", f"unix://{layout.supervisord_socket}")
    # The address is not used: the transport speaks through the socket.
    with ServerProxy("http://127.0.0.1", transport=transport) as server:
        try:
            return getattr(server.supervisor, method)(*arguments)
        except Fault as error:
            raise UpError(f"supervisord refused {method}{arguments}: {error.faultString}") from error
        except (OSError, HTTPException, RpcError) as error:
            raise UpError(f"supervisord does not answer: {error}") from error
