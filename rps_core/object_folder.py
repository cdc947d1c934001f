"""A folder of objects on any fsspec file system, local directory or bucket, with whole-object writes.

The model cache and the training datasets use it. It never relies on conditional writes, because some S3 servers ignore
the condition silently.
"""

import contextlib
import io
import os
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from rps_core.addresses import Credentials, parse_address, public_address
from rps_core.errors import CacheError

# Suffix of a local file that is being written; only a killed writer leaves such a file.
TORN_WRITE_SUFFIX = ".torn"


class ObjectFolder:
    """Reads, writes and lists objects under one root, by relative path."""

    def __init__(self, filesystem: Any, root: str, credentials: Credentials | None = None) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")
        self._credentials = credentials

    @classmethod
    def open(cls, url: str, storage_options: Mapping[str, Any] | None = None) -> "ObjectFolder":
        """Return the folder at an fsspec URL, without reading or creating anything.

        Raises:
            CacheError: the URL is a chain of file systems, or its file system is unknown or not installed.
        """
        if "::" in url:
            raise CacheError(
                f"{public_address(url)!r} cannot be opened: it chains several file systems; name one folder"
            )
        credentials = parse_address(url).credentials
        try:
            filesystem, root = fsspec.core.url_to_fs(url, **(storage_options or {}))
        except (ValueError, TypeError, ImportError, OSError) as error:
            fault = _hidden(str(error), credentials)
            raise CacheError(f"{public_address(url)!r} cannot be opened: {fault}") from error
        return cls(filesystem, root, credentials)

    def __str__(self) -> str:
        return public_address(str(self._fs.unstrip_protocol(self._root)))

    @property
    def is_local(self) -> bool:
        """Whether the folder is a directory on this machine."""
        return isinstance(self._fs, LocalFileSystem)

    def exists(self, relative: str) -> bool:
        """Return whether an object exists."""
        return bool(self._fs.exists(self._path(relative)))

    def names(self, folder: str = "") -> list[str]:
        """Return the sorted names directly in `folder`, or an empty list if it does not exist."""
        try:
            listing = self._fs.ls(self._path(folder).rstrip("/"), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(PurePosixPath(path).name for path in listing)

    def read(self, relative: str, max_bytes: int) -> bytes:
        """Return an object's bytes.

        Raises:
            FileNotFoundError: the object does not exist.
            CacheError: the object is larger than `max_bytes`.
        """
        path = self._path(relative)
        size = self._fs.info(path, refresh=True)["size"]
        if size > max_bytes:
            raise CacheError(f"{self}/{relative} has {size} bytes; at most {max_bytes} are allowed")
        data: bytes = self._fs.cat_file(path)
        return data

    def source(self, relative: str, max_bytes: int) -> str | io.BytesIO:
        """Return what a reader of files opens: the path of a local object, or the bytes of another one.

        Raises:
            FileNotFoundError: the object does not exist.
            CacheError: the object is not local and larger than `max_bytes`.
        """
        if not self.is_local:
            return io.BytesIO(self.read(relative, max_bytes))
        path = self._path(relative)
        if not self._fs.exists(path):
            raise FileNotFoundError(path)
        return path

    def written_at(self, relative: str) -> datetime:
        """Return when an object was written, in UTC."""
        written: datetime = self._fs.modified(self._path(relative))
        return written.astimezone(UTC)

    def write(self, relative: str, data: bytes) -> None:
        """Write an object atomically: a reader sees the old bytes or the new ones."""
        path = self._path(relative)
        if not self.is_local:
            self._fs.pipe_file(path, data)
            return
        self._fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        temporary = f"{path}.{uuid.uuid4().hex}{TORN_WRITE_SUFFIX}"
        with open(temporary, "wb") as file:  # noqa: PTH123 - fsspec returns plain strings
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - as above

    def delete(self, relative: str) -> None:
        """Delete one object."""
        self._fs.rm_file(self._path(relative))

    def delete_folder(self, folder: str) -> None:
        """Delete everything in `folder`, one object at a time: some servers reject the bulk call."""
        for path in sorted(self._fs.find(self._path(folder)), reverse=True):
            self._fs.rm_file(path)
        if self.is_local:
            self._fs.rm(self._path(folder), recursive=True)

    def delete_torn_writes(self) -> None:
        """Delete the files that killed writers left in a local folder; a bucket never shows partial objects."""
        if self.is_local and self._fs.exists(self._root):
            for path in self._fs.find(self._root):
                if path.endswith(TORN_WRITE_SUFFIX):
                    self._fs.rm_file(path)

    @contextlib.contextmanager
    def translated_errors(self, action: str) -> Iterator[None]:
        """Turn errors of the file system's libraries into a CacheError that names the action and the folder."""
        try:
            yield
        except CacheError:
            raise
        except Exception as error:
            # s3fs raises errors of botocore and aiohttp as well as OSError; the caller treats all alike.
            if not _is_file_system_error(error):
                raise
            fault = _hidden(str(error), self._credentials) or type(error).__name__
            raise CacheError(f"cannot {action} in {self}: {fault}") from error

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}"


def _hidden(message: str, credentials: Credentials | None) -> str:
    """Return a library's message without the password that was in the URL."""
    return message.replace(credentials.password, "***") if credentials and credentials.password else message


def _is_file_system_error(error: Exception) -> bool:
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or module in {"botocore", "aiohttp", "aiobotocore", "s3fs"}
