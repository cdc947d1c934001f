"""What happened to the processes between two looks, and what follows from it. Decided here; `session` acts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from rps_cli.up.programs import API, CODE, PREPARE
from rps_cli.up.supervisord import ProcessState

TAIL_LINES = 8
TAIL_BYTES = 8_192
# A process that was given up gets another try; what it lacked may be back.
SECOND_CHANCE_SECONDS = 60.0


class Event(NamedTuple):
    """Something that happened to a process.

    Attributes:
        kind: it ended and is started again; or it was given up because it keeps ending.
        fatal: whether nothing works without it.
        left_group: process group in which workers of the dead process may live on, holding its port.
    """

    program: str
    kind: Literal["restarted", "given_up"]
    fatal: bool
    left_group: int | None


def find_events(before: Mapping[str, ProcessState], after: Mapping[str, ProcessState]) -> list[Event]:
    """Compare two looks at the processes.

    Runs live on when the code server dies, so that it does not cost a training: its group is left alone.
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


def log_tail(file: Path) -> str:
    """Return the last lines of a log file, or what there is to say instead."""
    try:
        with file.open("rb") as log:
            log.seek(max(file.stat().st_size - TAIL_BYTES, 0))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return "(it has no log)"
    return "\n".join(lines[-TAIL_LINES:]) or "(its log is empty)"


def explain_given_up(program: str, file: Path) -> str:
    """Return a paragraph about a process that keeps ending."""
    indented = "\n".join(f"    {line}" for line in log_tail(file).splitlines())
    return f"{program} keeps ending and was given up for now; the last lines of {file}:\n{indented}"
