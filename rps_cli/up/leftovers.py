"""Processes of a session that outlived it: found by the mark in their environment, and ended.

A list of recorded ids would miss what was started after it was written, such as the worker of a run; the environment
of a process cannot be forgotten, and an id that was given away again carries another one. Whoever calls this holds the
lock of the data folder, so no living session owns what is found.
"""

import os
from pathlib import Path

import psutil

from rps_cli.up.programs import MARKER

GRACE_SECONDS = 5.0


def find_leftovers(data: Path) -> list[psutil.Process]:
    """Return the processes that carry the mark of this data folder, and their descendants; never the caller's own."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in own and _is_marked(process, str(data)):
            found |= {member.pid: member for member in (process, *_descendants(process))}
    return list(found.values())


def end_leftovers(data: Path, *, grace_seconds: float = GRACE_SECONDS) -> list[int]:
    """End them: asked first, killed after `grace_seconds`.

    Returns:
        Their process ids.
    """
    processes = find_leftovers(data)
    # A supervisor that is asked first starts nothing again.
    for process in processes:
        _signal(process, kill=grace_seconds <= 0)
    _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
    # What the dying started meanwhile.
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
