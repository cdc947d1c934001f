"""A watch on the files that the interpreter and all its libraries open, create, move and remove."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_EVENTS = frozenset(
    {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod"}
    | {"sqlite3.connect", "sqlite3.load_extension", "sqlite3.enable_load_extension"}
)
# Events that run a program, or code from data.
_NEVER = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class"})
_watchers: list[list[tuple[str, str]]] = []
_INSTALLED = (sys.prefix, sys.base_prefix, "/usr/lib", "/usr/share/zoneinfo", "/etc/localtime", "/proc/", "/sys/")


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watchers and (event in _EVENTS or event in _NEVER):
        named = [os.fsdecode(value) for value in arguments[:2] if isinstance(value, str | bytes | os.PathLike)]
        _watchers[-1].extend((event, path) for path in named or [""])


sys.addaudithook(_hook)


@contextmanager
def only_inside(*folders: Path) -> Iterator[None]:
    """Fail if a file outside `folders` and the installation is touched, or a program is started."""
    seen: list[tuple[str, str]] = []
    _watchers.append(seen)
    try:
        yield
    finally:
        _watchers.remove(seen)
    allowed = [folder.absolute() for folder in folders]
    repository = Path(__file__).parents[2]
    odd = [
        (event, path)
        for event, path in seen
        if event in _NEVER
        or not (
            path in {"", "r", "w", "rb", "wb", "a", "x", "xb", ":memory:"}
            or path.startswith(_INSTALLED)
            or Path(path).suffix in {".py", ".pyc"}
            # Removals inside an open folder are reported without the folder.
            or ("/" not in path and not Path(path).exists())
            or any(
                _is_in(path, folder)
                for folder in (*allowed, *(repository / package for package in ("rps_core", "rps_api", "rps_cli")))
            )
        )
    ]
    assert odd == [], odd


def _is_in(path: str, folder: Path) -> bool:
    plain = path.removeprefix("file://").partition("?")[0]
    return Path(os.path.normpath(Path(plain).absolute())).is_relative_to(folder)
