"""The record of a running session, by which `rps down` and `rps status` find it."""

import os
from pathlib import Path

import msgspec
import psutil

# Start times are whole clock ticks, but their decimal form may lose the last digit.
SAME_START_SECONDS = 0.02


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The process of a running session.

    Attributes:
        pid: process id of `rps up`.
        started: its start time in seconds since the epoch, because process ids are reused.
        addresses: addresses of its services, by name.
    """

    pid: int
    started: float
    addresses: dict[str, str]


def write_record(file: Path, addresses: dict[str, str]) -> None:
    """Record the calling process."""
    record = SessionRecord(pid=os.getpid(), started=psutil.Process().create_time(), addresses=addresses)
    # Written to another file and moved, so a reader never sees half of it.
    partial = file.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(record))
    partial.replace(file)


def read_record(file: Path) -> SessionRecord | None:
    """Return the record, or None if it is missing or damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=SessionRecord)
    except (OSError, msgspec.DecodeError):
        return None


def recorded_process(record: SessionRecord | None) -> psutil.Process | None:
    """Return the recorded process if it still runs; a newer process with the same id does not count."""
    if record is None:
        return None
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.started) < SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
