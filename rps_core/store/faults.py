"""What is wrong with a database, in one word, for metrics and for whoever has to mend it."""

import os
from typing import Literal, TypeAlias, get_args

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rps_core.errors import StoreError

FaultKind: TypeAlias = Literal["full", "locked", "read_only", "corrupt", "unreachable", "other"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

# Names of SQLite's result codes, extended ones included; see sqlite.org/rescode.html.
_SQLITE: tuple[tuple[str, FaultKind], ...] = (
    ("SQLITE_FULL", "full"),
    ("SQLITE_BUSY", "locked"),
    ("SQLITE_LOCKED", "locked"),
    ("SQLITE_READONLY", "read_only"),
    ("SQLITE_CORRUPT", "corrupt"),
    ("SQLITE_NOTADB", "corrupt"),
    ("SQLITE_CANTOPEN", "unreachable"),
    ("SQLITE_IOERR", "unreachable"),
)
# SQLSTATE of PostgreSQL, or the class that begins it; see its appendix A.
_POSTGRESQL: tuple[tuple[str, FaultKind], ...] = (
    ("53100", "full"),
    ("55P03", "locked"),
    ("40P01", "locked"),
    ("25006", "read_only"),
    ("XX001", "corrupt"),
    ("XX002", "corrupt"),
    ("08", "unreachable"),
    ("57P", "unreachable"),
    ("53300", "unreachable"),
)


def fault_kind(error: BaseException) -> FaultKind:
    """Return what an error of the gameplay database means; "other" for one that is none."""
    if isinstance(error, PoolTimeout):
        return "unreachable"
    if not isinstance(error, DBAPIError):
        return "other"
    sqlite_name, state = getattr(error.orig, "sqlite_errorname", None), getattr(error.orig, "sqlstate", None)
    if sqlite_name is not None:
        return _first(_SQLITE, sqlite_name)
    if state is not None:
        return _first(_POSTGRESQL, state)
    # A connection that breaks in the middle has no state to tell.
    return "unreachable" if error.connection_invalidated else "other"


def require_writable(engine: Engine) -> None:
    """Refuse an SQLite file that may only be read: SQLite itself would notice at the first round, and not before.

    Raises:
        StoreError: this process may not write the file.
    """
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and os.path.exists(file) and not os.access(file, os.W_OK):  # noqa: PTH110 - may be no path at all
        raise StoreError(
            f"the gameplay database {file} may only be read; mount its folder writable, or give the file to the user "
            "that runs the game"
        )


def _first(known: tuple[tuple[str, FaultKind], ...], code: str) -> FaultKind:
    return next((kind for prefix, kind in known if code.startswith(prefix)), "other")
