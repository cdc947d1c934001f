"""The record of a running session, by which `rps down` and `rps status` find it."""

import os
from pathlib import Path

import msgspec
import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The process of a running session.

    Attributes:
        pid: process id of `rps up`.
        started: identifies its start, because process ids are reused; no change of the clock moves it.
        addresses: addresses of its services, by name.
    """

    pid: int
    started: str
    addresses: dict[str, str]


def write_record(file: Path, addresses: dict[str, str]) -> None:
    """Record the calling process."""
    record = SessionRecord(pid=os.getpid(), started=start_of(psutil.Process()), addresses=addresses)
    # Written to another file and moved, so a reader never sees half of it.
    partial = file.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(record))
    partial.replace(file)


def start_of(process: psutil.Process) -> str:
    """Return the boot and the clock tick at which a process started, or its start time on systems other than Linux.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return f"{BOOT_ID.read_text().strip()} {fields[19]}"
    except OSError:
        # macOS keeps the time that its clock showed at the start.
        return f"{process.create_time():.2f}"


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
        return process if start_of(process) == record.started and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
