"""The record of a running session, by which `rps down` and `rps status` find it."""

import os
from pathlib import Path

import msgspec
import psutil

# Start times are whole clock ticks; written and read again they may differ in the last digit.
SAME_START_SECONDS = 0.02


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs.

    Attributes:
        pid: process id of `rps up`.
        started: its start time, in seconds since the epoch; with the id it names one process for ever.
        addresses: name and address of what it serves.
    """

    pid: int
    started: float
    addresses: dict[str, str]


def write_record(file: Path, addresses: dict[str, str]) -> None:
    """Record the calling process."""
    record = SessionRecord(pid=os.getpid(), started=psutil.Process().create_time(), addresses=addresses)
    # Written beside and moved: a reader never sees half of it.
    partial = file.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(record))
    partial.replace(file)


def read_record(file: Path) -> SessionRecord | None:
    """Return the record, or None where there is none that can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=SessionRecord)
    except (OSError, msgspec.DecodeError):
        return None


def recorded_process(record: SessionRecord | None) -> psutil.Process | None:
    """Return the process that a record means, if it still runs; another one with its id is not it."""
    if record is None:
        return None
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.started) < SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
