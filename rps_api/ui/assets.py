"""Static files under a URL that changes with their content.

The version is a folder in the URL, ``/static/<version>/…``. So relative imports between ES modules stay inside one
version, without an import map or rewritten sources. The files are few and small: the application reads and compresses
them once at its start and serves them from memory.
"""

import gzip
import hashlib
import mimetypes
import re
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

STATIC_FOLDER = Path(__file__).parent / "static"
STATIC_PATH = "/static"
ICON = "icon.svg"

_IMPORT = re.compile(r'^(?:import|export) [^;]*?from "(\.[^"]+)";', re.MULTILINE)
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_CACHE_FOREVER = "public, max-age=31536000, immutable"


class Packed(NamedTuple):
    """A body, plain and compressed with gzip."""

    plain: bytes
    gzipped: bytes

    @classmethod
    def of(cls, body: bytes) -> "Packed":
        """Return both forms; without a timestamp, so that equal bodies compress to equal bytes."""
        return cls(body, gzip.compress(body, 9, mtime=0))


def asset_version(folder: Path, override: str | None = None) -> str:
    """Return `override`, or twelve hex digits of a SHA-256 over the names and contents of all files in `folder`."""
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
        FileNotFoundError: a module imports a missing file.
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
    """Return a response with the smallest form of a body that the client accepts."""
    headers = {**headers, "Vary": "Accept-Encoding"}
    if not accepts_gzip(request.headers.get("accept-encoding", "")):
        return Response(packed.plain, media_type=media_type, headers=headers)
    return Response(packed.gzipped, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})


def static_files(folder: Path, version: str) -> list[HTTPRouteHandler]:
    """Return the handlers that serve `folder` under the URL of this version; browsers cache it for a year."""
    files = {name: Packed.of((folder / name).read_bytes()) for name in asset_names(folder)}

    @get(f"{STATIC_PATH}/{version}/{{path:path}}", name="ui_static", include_in_schema=False, sync_to_thread=False)
    def get_file(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
        """Serve a file of the page."""
        name = path.lstrip("/")
        packed = files.get(name)
        if packed is None:
            raise NotFoundException(f"version {version} of the page has no file {name[:80]!r}")
        return packed_response(request, packed, _media_type(name), {"Cache-Control": _CACHE_FOREVER})

    @get("/favicon.ico", name="ui:favicon", include_in_schema=False, sync_to_thread=False)
    def get_icon(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Serve the icon where browsers look for one if a page names none, such as a reply in JSON."""
        headers = {"Cache-Control": "public, max-age=86400"}
        return packed_response(request, files[ICON], _media_type(ICON), headers)

    return [get_file, get_icon] if ICON in files else [get_file]


def _media_type(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
