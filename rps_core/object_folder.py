"""A folder of objects on any fsspec file system: a local directory or a bucket, with whole-object writes.

What the objects mean is told elsewhere (`rps_core.cache`, the training datasets). Nothing here relies on conditional
writes: some S3 servers ignore them without a word.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from rps_core.errors import CacheError

# Ends the name of a local file that is being written; only a killed writer leaves one.
TORN_WRITE_SUFFIX = ".torn"


class ObjectFolder:
    """Reads, writes and lists objects below one root, by relative path."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")

    @classmethod
    def open(cls, url: str, storage_options: Mapping[str, Any] | None = None) -> "ObjectFolder":
        """Open a folder at an fsspec URL; nothing is read or created yet.

        Raises:
            CacheError: the URL names a file system that is unknown or not installed, or one inside another.
        """
        if "::" in url:
            raise CacheError(f"{url!r} cannot be opened: it is a chain of addresses; name one folder")
        try:
            filesystem, root = fsspec.core.url_to_fs(url, **(storage_options or {}))
        except (ValueError, TypeError, ImportError, OSError) as error:
            raise CacheError(f"{url!r} cannot be opened: {error}") from error
        return cls(filesystem, root)

    def __str__(self) -> str:
        return str(self._fs.unstrip_protocol(self._root))

    @property
    def is_local(self) -> bool:
        """Whether the folder is a directory of this machine."""
        return isinstance(self._fs, LocalFileSystem)

    def exists(self, relative: str) -> bool:
        """Return whether an object is there."""
        return bool(self._fs.exists(self._path(relative)))

    def names(self, folder: str = "") -> list[str]:
        """Return the names directly below `folder`, sorted; an absent folder has none."""
        try:
            listing = self._fs.ls(self._path(folder).rstrip("/"), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(PurePosixPath(path).name for path in listing)

    def read(self, relative: str, max_bytes: int) -> bytes:
        """Return an object's bytes.

        Raises:
            FileNotFoundError: it is not there.
            CacheError: it is larger than `max_bytes`.
        """
        path = self._path(relative)
        size = self._fs.info(path, refresh=True)["size"]
        if size > max_bytes:
            raise CacheError(f"{self}/{relative} has {size} bytes; at most {max_bytes} are read")
        data: bytes = self._fs.cat_file(path)
        return data

    def write(self, relative: str, data: bytes) -> None:
        """Write an object so that a reader sees the old bytes or the new ones, never half of them."""
        path = self._path(relative)
        if not self.is_local:
            self._fs.pipe_file(path, data)
            return
        self._fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        temporary = f"{path}.{uuid.uuid4().hex}{TORN_WRITE_SUFFIX}"
        with open(temporary, "wb") as file:  # noqa: PTH123 - fsspec hands out plain strings
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - the same

    def delete(self, relative: str) -> None:
        """Delete one object."""
        self._fs.rm_file(self._path(relative))

    def delete_folder(self, folder: str) -> None:
        """Delete everything below `folder`, object by object: not every server accepts the bulk call."""
        for path in sorted(self._fs.find(self._path(folder)), reverse=True):
            self._fs.rm_file(path)
        if self.is_local:
            self._fs.rm(self._path(folder), recursive=True)

    def delete_torn_writes(self) -> None:
        """Delete what killed writers left; an S3 object appears whole or not at all."""
        if self.is_local and self._fs.exists(self._root):
            for path in self._fs.find(self._root):
                if path.endswith(TORN_WRITE_SUFFIX):
                    self._fs.rm_file(path)

    @contextlib.contextmanager
    def translated_errors(self, action: str) -> Iterator[None]:
        """Turn whatever the store's libraries raise into a CacheError that says what was tried where."""
        try:
            yield
        except CacheError:
            raise
        except Exception as error:
            # s3fs lets the families of botocore, aiohttp and OSError through; all mean the same here.
            if not _is_store_error(error):
                raise
            raise CacheError(f"cannot {action} in {self}: {error or type(error).__name__}") from error

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}"


def _is_store_error(error: Exception) -> bool:
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or module in {"botocore", "aiohttp", "aiobotocore", "s3fs"}
