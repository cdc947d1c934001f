"""Static files under an address that changes with their content.

The version is a folder of the address, ``/static/<version>/…``, so that the relative imports between ES modules stay
inside one version and need neither an import map nor rewritten sources.
"""

import hashlib
from pathlib import Path

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

STATIC_FOLDER = Path(__file__).parent / "static"
STATIC_PATH = "/static"

_ONE_YEAR_SECONDS = 31_536_000


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


def static_files(folder: Path, version: str) -> Router:
    """Return the router that serves `folder` under the address of this version, to be cached for a year."""
    return create_static_files_router(
        path=f"{STATIC_PATH}/{version}",
        directories=[folder],
        name="ui_static",
        cache_control=CacheControlHeader(public=True, max_age=_ONE_YEAR_SECONDS, immutable=True),
    )
