"""Commands to a running session from another process: stop it, or describe it."""

from contextlib import suppress

import psutil
from filelock import FileLock, Timeout

from rps_cli.up.layout import Layout, UpError
from rps_cli.up.leftovers import end_leftovers
from rps_cli.up.programs import STOP_SECONDS
from rps_cli.up.record import read_record, recorded_process
from rps_cli.up.supervisord import ProcessState, read_states
from rps_core.api_client import ApiClient, ApiError
from rps_core.game.families import SLOTS

# The longest stop, and time to clean up after it.
PATIENCE_SECONDS = STOP_SECONDS + 12


def stop_session(layout: Layout) -> str:
    """Stop the session on this data folder, or the processes of a crashed one, and return a sentence.

    Raises:
        UpError: the session does not end.
    """
    process = recorded_process(read_record(layout.session_file))
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        _, alive = psutil.wait_procs([process], timeout=PATIENCE_SECONDS)
        if alive:
            raise UpError(f"process {process.pid} does not end; read {layout.logs}, or kill it and try again")
        return f"stopped `rps up` (process {process.pid}) and everything that it had started"
    if not layout.run.exists():
        return f"nothing runs on {layout.data}"
    try:
        with FileLock(layout.lock_file, timeout=0):
            ended = end_leftovers(layout.data)
    except Timeout as error:
        raise UpError(f"`rps up` is starting or stopping on {layout.data}; try again in a moment") from error
    return f"ended {len(ended)} processes of a crashed session" if ended else f"nothing runs on {layout.data}"


def describe_session(layout: Layout) -> str:
    """Return a table of processes, the addresses and the number of served models.

    Raises:
        UpError: nothing runs on this data folder.
    """
    record = read_record(layout.session_file)
    if record is None or recorded_process(record) is None:
        raise UpError(f"nothing runs on {layout.data}; start it with `rps up`")
    lines = [f"rps up       process {record.pid}"]
    lines += [_describe(state) for state in read_states(layout).values() if state.state not in {"STOPPED", "EXITED"}]
    lines += [f"{name:<12} {address}" for name, address in record.addresses.items()]
    lines.append(f"models       {_describe_models(record.addresses.get('game', ''))}")
    return "\n".join(lines)


def _describe(state: ProcessState) -> str:
    return f"{state.name:<18} {state.state.lower():<9} {state.detail}"


def _describe_models(game_url: str) -> str:
    try:
        return f"{len(ApiClient(game_url).served_models())} of {len(SLOTS)} served"
    except ApiError as error:
        return f"unknown: {error}"
