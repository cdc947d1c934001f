"""Kinds of database errors, one word each, for metrics and for operators."""

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
# SQLSTATE codes of PostgreSQL, or their class; see appendix A of its manual.
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
    """Return the kind of a database error; "other" for any other error."""
    if isinstance(error, PoolTimeout):
        return "unreachable"
    if not isinstance(error, DBAPIError):
        return "other"
    sqlite_name, state = getattr(error.orig, "sqlite_errorname", None), getattr(error.orig, "sqlstate", None)
    if sqlite_name is not None:
        return _kind_of_code(_SQLITE, sqlite_name)
    if state is not None:
        return _kind_of_code(_POSTGRESQL, state)
    # A connection that breaks during a statement has no SQLSTATE.
    return "unreachable" if error.connection_invalidated else "other"


def require_writable(engine: Engine) -> None:
    """Refuse an SQLite file that this process cannot write; SQLite would report it only at the first round.

    Raises:
        StoreError: this process cannot write the file.
    """
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and os.path.exists(file) and not os.access(file, os.W_OK):  # noqa: PTH110 - the name may not be a path
        raise StoreError(
            f"the gameplay database {file} is read-only; mount its folder writable, or give the file to the user that "
            "runs the game"
        )


def _kind_of_code(known: tuple[tuple[str, FaultKind], ...], code: str) -> FaultKind:
    return next((kind for prefix, kind in known if code.startswith(prefix)), "other")
