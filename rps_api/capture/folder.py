"""A folder of JSON lines, one file a UTC day and process, that never grows beyond a size."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

PREFIX, SUFFIX = "inference-", ".jsonl"


class CaptureFile(NamedTuple):
    """A file of the folder; `name` begins with its day."""

    name: str
    size_bytes: int


def file_name(moment: datetime, process: int) -> str:
    """Return the file that a moment's lines belong to; each process has its own, so that no two write into one."""
    return f"{PREFIX}{moment.astimezone(UTC):%Y-%m-%d}-{process}{SUFFIX}"


def plan_removals(files: list[CaptureFile], max_bytes: int, keep: str) -> list[str]:
    """Return the files to remove, oldest day first, so that the rest fits into `max_bytes`.

    Args:
        files: what the folder holds.
        max_bytes: size that the folder may have.
        keep: the file that is being written; it alone may remain above the bound, and is then started anew.
    """
    excess = sum(file.size_bytes for file in files) - max_bytes
    removed: list[str] = []
    for file in sorted(files, key=lambda file: (file.name == keep, file.name)):
        if excess <= 0:
            break
        removed.append(file.name)
        excess -= file.size_bytes
    return removed


class CaptureFolder:
    """Appends lines; used by one thread."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        # Looked at once in a while: a bound to one per cent needs no look at each line.
        self._look_every_bytes = max(1, max_bytes // 100)
        self._unlooked_bytes = self._look_every_bytes

    def append(self, moment: datetime, lines: bytes) -> None:
        """Append lines of one day, then drop what is too much.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        name = file_name(moment, os.getpid())
        with (self._folder / name).open("ab") as file:
            file.write(lines)
        self._unlooked_bytes += len(lines)
        if self._unlooked_bytes >= self._look_every_bytes:
            self._unlooked_bytes = 0
            self._drop_excess(name)

    def _drop_excess(self, current: str) -> None:
        paths = self._folder.glob(f"{PREFIX}*{SUFFIX}")
        files = [CaptureFile(path.name, path.stat().st_size) for path in paths]
        for name in plan_removals(files, self._max_bytes, current):
            # Another process may have been faster.
            (self._folder / name).unlink(missing_ok=True)
