"""Events of the processes between two readings of their states; `session` reacts to them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from rps_cli.up.programs import API, CODE, PREPARE
from rps_cli.up.supervisord import ProcessState

TAIL_LINES = 8
TAIL_BYTES = 8_192
# supervisord gives up a process that keeps ending; after this pause it gets another try.
RETRY_SECONDS = 60.0


class Event(NamedTuple):
    """Something that happened to a process.

    Attributes:
        kind: the process ended and was restarted, or supervisord gave it up because it keeps ending.
        fatal: whether nothing works without the process.
        left_group: the process group in which workers of the dead process may still hold its port.
    """

    program: str
    kind: Literal["restarted", "given_up"]
    fatal: bool
    left_group: int | None


def find_events(before: Mapping[str, ProcessState], after: Mapping[str, ProcessState]) -> list[Event]:
    """Return the events between two readings, by process name.

    The group of a dead code server is left alone: its runs continue, so a training is not lost.
    """
    events = []
    for name, now in after.items():
        was = before.get(name)
        if was is None or name == PREPARE:
            continue
        ended = was.pid not in (0, now.pid)
        left_group = was.pid if ended and name != CODE else None
        if now.state == "FATAL" and was.state != "FATAL":
            events.append(Event(name, "given_up", name == API, left_group))
        elif ended and now.state != "STOPPED":
            events.append(Event(name, "restarted", False, left_group))
    return events


def log_size(file: Path) -> int:
    """Return the size of a log file in bytes; 0 without a file."""
    return file.stat().st_size if file.exists() else 0


def log_tail(file: Path, start: int = 0) -> str:
    """Return the last lines of a log file after the byte `start`, or a remark if there are none."""
    try:
        with file.open("rb") as log:
            size = log_size(file)
            # A smaller file is a new one: supervisord has moved the old one away.
            log.seek(max(size - TAIL_BYTES, start if start <= size else 0))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return "(there is no log)"
    return "\n".join(lines[-TAIL_LINES:]) or "(the log is empty)"


def explain_given_up(program: str, file: Path, start: int = 0) -> str:
    """Return a paragraph about a process that keeps ending, with the end of its log."""
    indented = "\n".join(f"    {line}" for line in log_tail(file, start).splitlines())
    return f"{program} keeps ending and is not restarted for now; the last lines of {file}:\n{indented}"
