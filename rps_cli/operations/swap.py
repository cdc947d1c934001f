"""Swapping staged files and folders with their targets: only renames on one disk, all checked first, each undoable.

A rename happens at once or not at all. A mount point cannot be renamed, so its content is swapped instead, inside of
it. A symbolic link stays, and what it points at is swapped.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from rps_cli.operations.archive import SnapshotError

_MOUNTS = Path("/proc/self/mountinfo")
# The disk's own folder for damaged files.
_NOT_OURS = frozenset({"lost+found"})
HIDDEN_ASIDE = ".before-restore-"


class Relocation(NamedTuple):
    """A swap: `staged` is moved to `target`, and the previous file or folder to `aside`."""

    staged: Path
    target: Path
    aside: Path


class _Move(NamedTuple):
    source: Path
    target: Path


def staging_path(target: Path, mark: str) -> Path:
    """Return where to unpack the successor of `target`: on the same disk, so that a rename can swap them."""
    real = target.resolve()
    return (real if real.is_dir() and _is_mount_point(real) else real.parent) / f".{target.name}.{mark}"


def relocation(staged: Path, target: Path, aside: Path) -> Relocation:
    """Plan a swap; the previous content stays on its disk, in `aside` if that is there too.

    Raises:
        SnapshotError: the target is a mounted file, or contains a mount point.
    """
    real = target.resolve()
    inside = [point for point in _mount_points() if real in point.parents]
    if inside:
        raise SnapshotError(f"{inside[0]} is a mount point inside of {target}; mount {target} itself, or unmount it")
    if _is_mount_point(real):
        if not real.is_dir():
            raise SnapshotError(f"{target} is a mounted file, which cannot be replaced; mount its folder instead")
        return Relocation(staged, real, real / f".{aside.parent.name}")
    if _device(aside) != _device(real.parent):
        aside = real.parent / aside.parent.name / aside.name
    return Relocation(staged, real, aside)


@contextmanager
def swapped(relocations: list[Relocation]) -> Iterator[None]:
    """Swap everything; if a move or the body of the `with` fails, move everything back.

    Raises:
        SnapshotError: a move is impossible, so that nothing was moved; or one failed and all were undone.
    """
    moves = [move for planned in relocations for move in _moves(planned)]
    for move in moves:
        _require_possible(move)
    done: list[_Move] = []
    try:
        for move in moves:
            move.target.parent.mkdir(parents=True, exist_ok=True)
            move.source.rename(move.target)
            done.append(move)
        yield
    except BaseException as error:
        left = _undo(done)
        for planned in relocations:
            for folder in (planned.aside, planned.aside.parent):
                with suppress(OSError):
                    folder.rmdir()
        if left:
            raise SnapshotError(f"{error}; moving back failed too, so move these by hand: {'; '.join(left)}") from error
        if isinstance(error, OSError):
            raise SnapshotError(f"nothing was restored: {error}") from error
        raise


def _moves(planned: Relocation) -> list[_Move]:
    staged, target, aside = planned
    if not _is_mount_point(target):
        before = [_Move(target, aside)] if target.exists() else []
        return [*before, _Move(staged, target)]
    kept = {staged.name, aside.name, *_NOT_OURS}
    before = [_Move(path, aside / path.name) for path in _content(target) if path.name not in kept]
    return [*before, *(_Move(path, target / path.name) for path in _content(staged))]


def _content(folder: Path) -> list[Path]:
    # An earlier restore's folder stays where it is.
    return sorted(path for path in folder.iterdir() if not path.name.startswith(HIDDEN_ASIDE))


def _require_possible(move: _Move) -> None:
    into = _existing(move.target.parent)
    for folder in (move.source.parent, into):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SnapshotError(f"nothing was restored: {folder} is not writable, so {move.source} cannot be moved")
    if _device(move.source) != _device(into):
        raise SnapshotError(f"nothing was restored: {move.source} and {into} are on two disks; use folders of one disk")


def _undo(done: list[_Move]) -> list[str]:
    left = []
    for move in reversed(done):
        try:
            move.target.rename(move.source)
        except OSError as error:
            left.append(f"{move.target} to {move.source} ({error})")
    return left


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _device(path: Path) -> int:
    return (path if path.is_symlink() else _existing(path)).lstat().st_dev


def _is_mount_point(path: Path) -> bool:
    return path.is_mount() or path in _mount_points()


def _mount_points() -> list[Path]:
    """Return the mount points of this process, also those that bind a folder of the same disk; Linux only."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return []
    # Blanks and backslashes are written as \\040 and \\134.
    points = (re.sub(rb"\\(\d{3})", lambda found: bytes([int(found[1], 8)]), line.split()[4]) for line in lines)
    return [Path(os.fsdecode(point)) for point in points]
