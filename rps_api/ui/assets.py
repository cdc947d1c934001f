"""Static files under an address that changes with their content.

The version is a folder of the address, ``/static/<version>/…``, so that the relative imports between ES modules stay
inside one version and need neither an import map nor rewritten sources. The files are few and small: they are read and
compressed once, when the application is built, and answered from memory.
"""

import gzip
import hashlib
import mimetypes
import re
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from litestar import Request, Response, get, head
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

STATIC_FOLDER = Path(__file__).parent / "static"
STATIC_PATH = "/static"

_IMPORT = re.compile(r'^(?:import|export) [^;]*?from "(\.[^"]+)";', re.MULTILINE)
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


class Packed(NamedTuple):
    """A body as it is, and compressed with gzip."""

    plain: bytes
    gzipped: bytes

    @classmethod
    def of(cls, body: bytes) -> "Packed":
        """Return both forms; without a time stamp, so that equal bodies are equal everywhere."""
        return cls(body, gzip.compress(body, 9, mtime=0))


def asset_version(folder: Path, override: str | None = None) -> str:
    """Return `override`, or twelve hex digits of a SHA-256 over the names and the bytes of all files in `folder`."""
    if override is not None:
        return override
    digest = hashlib.sha256()
    for name in asset_names(folder):
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def asset_names(folder: Path, suffix: str = "") -> list[str]:
    """Return the sorted POSIX paths, relative to `folder`, of the files whose name ends in `suffix`."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in paths if name.endswith(suffix))


def imported_modules(folder: Path, entry: str) -> list[str]:
    """Return the sorted names of `entry` and of every module it imports, directly or not.

    Raises:
        FileNotFoundError: a module imports a file that is not there.
    """
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        targets = _IMPORT.findall((folder / name).read_text())
        paths = [((folder / name).parent / target).resolve() for target in targets]
        waiting += [path.relative_to(folder.resolve()).as_posix() for path in paths]
    return sorted(found)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip: named, or covered by ``*``, and not with weight 0."""
    weights: dict[str, bool] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        weight = parameters.replace(" ", "").removeprefix("q=")
        weights[coding.strip()] = re.fullmatch(r"0(\.0*)?", weight) is None
    return weights.get("gzip", weights.get("*", False))


def packed_response(
    request: Request[Any, Any, Any], packed: Packed, media_type: str, headers: dict[str, str]
) -> Response[bytes]:
    """Return the answer with the smaller form of a body that the client can read."""
    headers = {**headers, "Vary": "Accept-Encoding"}
    if not accepts_gzip(request.headers.get("accept-encoding", "")):
        return Response(packed.plain, media_type=media_type, headers=headers)
    return Response(packed.gzipped, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})


def static_files(folder: Path, version: str) -> list[HTTPRouteHandler]:
    """Return the handlers that serve `folder` under the address of this version, to be cached for a year."""
    files = {name: Packed.of((folder / name).read_bytes()) for name in asset_names(folder)}

    def answer(request: Request[Any, Any, Any], path: str) -> Response[bytes]:
        name = path.lstrip("/")
        packed = files.get(name)
        if packed is None:
            raise NotFoundException(f"no file {name[:80]!r} in version {version} of the page")
        return packed_response(request, packed, _media_type(name), {"Cache-Control": _FOR_EVER})

    address = f"{STATIC_PATH}/{version}/{{path:path}}"

    @get(address, name="ui_static", include_in_schema=False, sync_to_thread=False)
    def show_file(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
        """Serve a file of the page."""
        return answer(request, path)

    @head(address, include_in_schema=False, sync_to_thread=False)
    def show_file_headers(request: Request[Any, Any, Any], path: FromPath[str]) -> None:
        """Answer a HEAD request as a GET without its body."""
        answer(request, path)

    return [show_file, show_file_headers]


def _media_type(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
