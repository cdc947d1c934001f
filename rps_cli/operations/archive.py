"""The file format of a snapshot: a ZIP file whose last member is a manifest with the hash of every other member.

The reader trusts nothing. It refuses names that lead out of the folder, links, members that the manifest lacks or
repeats, and wrong sizes or hashes. A truncated file has no directory at its end.
"""

import hashlib
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Annotated

import msgspec

from rps_core.errors import RpsError

FORMAT = "rps-snapshot"
FORMAT_VERSION = 1
MANIFEST_MEMBER = "manifest.json"
MAX_MANIFEST_BYTES = 200_000_000
_CHUNK_BYTES = 1 << 20
# Errors of zipfile for damaged bytes; an offset before the start of the file is an OSError.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OverflowError,
    ValueError, OSError,
)  # fmt: skip
_MAX_NAME_LENGTH = 1_000


class SnapshotError(RpsError):
    """A snapshot cannot be taken, read or restored."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a snapshot; `size` in bytes."""

    path: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a snapshot.

    Attributes:
        versions: versions of the product and of Python, and the revision of the gameplay schema.
        rows: number of rows in each table of the gameplay store.
        left_out: parts that the snapshot lacks, with the reason.
    """

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    created_at: datetime
    versions: dict[str, str]
    rows: dict[str, int]
    left_out: dict[str, str]
    members: tuple[Member, ...]

    @property
    def parts(self) -> frozenset[str]:
        """The first components of the members' paths."""
        return frozenset(member.path.partition("/")[0] for member in self.members)

    @property
    def size(self) -> int:
        """Unpacked size of all members in bytes."""
        return sum(member.size for member in self.members)


class ArchiveWriter:
    """Adds members to an open ZIP file and keeps their hashes."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._zip = file
        self.members: list[Member] = []

    def add_bytes(self, path: str, data: bytes) -> None:
        """Add a member."""
        self._zip.writestr(path, data)
        self.members.append(Member(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest()))

    def add_file(self, path: str, source: Path) -> None:
        """Add the content of a file, which may still be growing."""
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as read, self._zip.open(path, "w", force_zip64=True) as written:
            while chunk := read.read(_CHUNK_BYTES):
                written.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self.members.append(Member(path=path, size=size, sha256=digest.hexdigest()))


@contextmanager
def writing_archive(target: Path, *, overwrite: bool) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP file that appears under its name only when it is complete, and that only its owner can read.

    Raises:
        SnapshotError: the file exists, or cannot be written.
    """
    if target.exists() and not overwrite:
        raise SnapshotError(f"{target} exists already; choose another name, or replace it with --overwrite")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw:  # noqa: PTH123
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as opened:
                yield opened
            raw.flush()
            os.fsync(raw.fileno())
        partial.replace(target)
    except OSError as error:
        raise SnapshotError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def write_manifest(opened: zipfile.ZipFile, manifest: Manifest) -> None:
    """Write the manifest, which is the last member."""
    opened.writestr(MANIFEST_MEMBER, msgspec.json.format(msgspec.json.encode(manifest), indent=2))


@contextmanager
def reading_archive(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open a snapshot; errors while it is read become `SnapshotError` too.

    Raises:
        SnapshotError: the file is missing, unreadable, truncated, damaged, encrypted, or not a ZIP file.
    """
    try:
        with zipfile.ZipFile(file) as opened:
            yield opened
    except FileNotFoundError as error:
        raise SnapshotError(f"the snapshot {file} does not exist") from error
    except _UNREADABLE as error:
        # For a damaged length, the text of zipfile repeats half of the file.
        raise SnapshotError(
            f"{file} is not a snapshot, or is truncated or damaged: {str(error)[:300]}; use another copy"
        ) from error


def read_manifest(opened: zipfile.ZipFile) -> Manifest:
    """Read the manifest and compare it with the directory of the file.

    Raises:
        SnapshotError: the manifest is missing, has another format, or names other members than the file has.
    """
    listed = opened.infolist()
    names = [info.filename for info in listed]
    if MANIFEST_MEMBER not in names:
        raise SnapshotError("it has no manifest.json, so it is not a snapshot of this product")
    for info in listed:
        _require_safe(info)
    manifest = _decoded(opened)
    promised = [member.path for member in manifest.members]
    if len(set(names)) != len(names) or len(set(promised)) != len(promised):
        raise SnapshotError("it has a member twice")
    if set(promised) != set(names) - {MANIFEST_MEMBER}:
        odd = sorted(set(promised) ^ (set(names) - {MANIFEST_MEMBER}))
        raise SnapshotError(f"manifest and content differ in {len(odd)} members, {odd[0][:80]!r} among them")
    return manifest


def _decoded(opened: zipfile.ZipFile) -> Manifest:
    if opened.getinfo(MANIFEST_MEMBER).file_size > MAX_MANIFEST_BYTES:
        raise SnapshotError("its manifest.json is too large")
    try:
        manifest = msgspec.json.decode(opened.read(MANIFEST_MEMBER), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"its manifest.json cannot be read: {error}") from error
    if (manifest.format, manifest.format_version) != (FORMAT, FORMAT_VERSION):
        raise SnapshotError(
            f"its format is {manifest.format[:40]!r} version {manifest.format_version}; this release reads {FORMAT!r} "
            f"version {FORMAT_VERSION}"
        )
    return manifest


def _require_safe(info: zipfile.ZipInfo) -> None:
    name = info.filename
    pure = PurePosixPath(name)
    odd = not name or len(name) > _MAX_NAME_LENGTH or any(ord(letter) < 32 or letter in "\\:" for letter in name)
    # orig_filename keeps the characters that zipfile has removed.
    if odd or pure.is_absolute() or ".." in pure.parts or str(pure) != name or info.orig_filename != name:
        raise SnapshotError(f"its member {name[:80]!r} leads out of the folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise SnapshotError(f"its member {name[:80]!r} is a link")


def verify_members(opened: zipfile.ZipFile, manifest: Manifest) -> None:
    """Read every member and compare size and hash; nothing is written.

    Raises:
        SnapshotError: a member differs.
    """
    for member in manifest.members:
        _copy(opened, member, lambda _: None)


def extract_members(opened: zipfile.ZipFile, manifest: Manifest, place: Callable[[str], Path | None]) -> None:
    """Write members to files, and compare them again.

    Args:
        opened: the snapshot.
        manifest: its manifest.
        place: returns the file for a member, or None to leave it out.

    Raises:
        SnapshotError: a member differs or cannot be written.
    """
    for member in manifest.members:
        target = place(member.path)
        if target is None:
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as written:
                _copy(opened, member, written.write)
                written.flush()
                os.fsync(written.fileno())
        except OSError as error:
            raise SnapshotError(f"{target} cannot be written: {error.strerror or error}") from error


def _copy(opened: zipfile.ZipFile, member: Member, write: Callable[[bytes], object]) -> None:
    digest, left = hashlib.sha256(), member.size
    with opened.open(member.path) as read:
        for chunk in _chunks(read):
            left -= len(chunk)
            # Stop at once: a small file may unpack to a terabyte.
            if left < 0:
                break
            digest.update(chunk)
            write(chunk)
    if left or digest.hexdigest() != member.sha256:
        raise SnapshotError(f"its member {member.path[:80]!r} differs from the manifest; use another copy")


def _chunks(read: IO[bytes]) -> Iterator[bytes]:
    while chunk := read.read(_CHUNK_BYTES):
        yield chunk


def require_space(folder: Path, needed_bytes: int) -> None:
    """Make sure that the disk of a folder has enough space.

    Raises:
        SnapshotError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise SnapshotError(
            f"{folder} has {free / 1e6:,.0f} MB free, but {needed_bytes / 1e6:,.0f} MB are needed; free some space"
        )
