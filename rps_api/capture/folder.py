"""A folder of JSON lines with a limited size: one file for each UTC day and process."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

PREFIX, SUFFIX = "inference-", ".jsonl"


def file_name(moment: datetime, process: int) -> str:
    """Return the name of the file for a moment; each process has its own files, so no two write to the same one."""
    return f"{PREFIX}{moment.astimezone(UTC):%Y-%m-%d}-{process}{SUFFIX}"


def plan_removals(sizes: Mapping[str, int], max_bytes: int, keep: str) -> list[str]:
    """Return the files to remove, oldest day first, so that the rest fits into `max_bytes`.

    Args:
        sizes: bytes of each file in the folder; a name contains its day.
        max_bytes: limit of the folder's size.
        keep: the file that is being written; it is removed last, when it alone exceeds the limit.
    """
    excess = sum(sizes.values()) - max_bytes
    removed: list[str] = []
    for name in sorted(sizes, key=lambda name: (name == keep, name)):
        if excess > 0:
            removed.append(name)
            excess -= sizes[name]
    return removed


class CaptureFolder:
    """Appends lines to the files of a folder; for use by one thread."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        # Listing the folder after each line is slow; after each per cent of the limit is exact enough.
        self._check_every_bytes = max(1, max_bytes // 100)
        self._unchecked_bytes = self._check_every_bytes

    def append(self, moment: datetime, lines: bytes) -> None:
        """Append lines of one day, then remove the oldest files if the folder is too large.

        Raises:
            OSError: the folder is not writable.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        name = file_name(moment, os.getpid())
        with (self._folder / name).open("ab") as file:
            file.write(lines)
        self._unchecked_bytes += len(lines)
        if self._unchecked_bytes >= self._check_every_bytes:
            self._unchecked_bytes = 0
            self._remove_excess(name)

    def _remove_excess(self, current: str) -> None:
        sizes = {path.name: path.stat().st_size for path in self._folder.glob(f"{PREFIX}*{SUFFIX}")}
        for name in plan_removals(sizes, self._max_bytes, current):
            # Another process may have removed it already.
            (self._folder / name).unlink(missing_ok=True)
