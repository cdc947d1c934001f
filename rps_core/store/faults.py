"""What kind of fault a database error tells of, in one word, for metrics and for whoever has to mend it."""

from typing import Literal, TypeAlias, get_args

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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


def _first(known: tuple[tuple[str, FaultKind], ...], code: str) -> FaultKind:
    return next((kind for prefix, kind in known if code.startswith(prefix)), "other")
