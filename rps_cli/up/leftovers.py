"""Processes that outlived their session: found by a mark in their environment, and ended.

A list of process ids would miss processes that start later, such as the worker of a run, and an id may be reused. Every
descendant inherits the environment. The caller holds the lock of the data folder, so no living session owns them.
"""

import os
from pathlib import Path

import psutil

from rps_cli.up.programs import MARKER

GRACE_SECONDS = 5.0


def find_leftovers(data: Path) -> list[psutil.Process]:
    """Return the processes with the mark of this data folder and their descendants, without the caller's own."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in own and _is_marked(process, str(data)):
            found |= {member.pid: member for member in (process, *_descendants(process))}
    return list(found.values())


def end_leftovers(data: Path, *, grace_seconds: float = GRACE_SECONDS) -> list[int]:
    """Terminate the leftovers, kill them after `grace_seconds`, and return their process ids."""
    processes = find_leftovers(data)
    # A supervisor that was asked to stop restarts nothing.
    for process in processes:
        _signal(process, kill=grace_seconds <= 0)
    _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
    # Processes that the dying ones started meanwhile.
    for process in find_leftovers(data):
        _signal(process, kill=True)
        processes.append(process)
    return sorted({process.pid for process in processes})


def _is_marked(process: psutil.Process, data: str) -> bool:
    try:
        return process.environ().get(MARKER) == data and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        pass
