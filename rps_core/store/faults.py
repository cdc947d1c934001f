"""Kinds of database errors, one word each, for metrics and for operators."""

import os
from typing import Literal, TypeAlias, get_args

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rps_core.errors import StoreError
from rps_core.store.addresses import public_database, without_secrets

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
_NOT_ALLOWED = "42501"


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


def unusable(url: URL, error: DBAPIError) -> str:
    """Return a sentence about a database that cannot be used: what the driver says, and what to do."""
    fault = without_secrets(" ".join(str(error.orig).split()), url)
    return f"the gameplay database {public_database(url)} cannot be used: {fault}; {_remedy(url, error)}"


def _remedy(url: URL, error: DBAPIError) -> str:
    if url.get_backend_name() == "sqlite":
        if "table games already exists" in str(error.orig):
            return (
                "if it is a database of the original system, set RPS_DB_PATH to a new file and import it with "
                f"`rps import-original {url.database}`"
            )
        return "if the file is damaged or belongs to another program, move it away and start again"
    if "invalid connection option" in str(error.orig):
        return "remove this option from RPS_DATABASE_URL: it belongs to another driver"
    if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
        return (
            f'as the owner of the database run `GRANT USAGE, CREATE ON SCHEMA public TO "{url.username}"`, and '
            "`REASSIGN OWNED` if the tables belong to another user"
        )
    return "check that the server runs, and that RPS_DATABASE_URL names its user, password and database"


def _kind_of_code(known: tuple[tuple[str, FaultKind], ...], code: str) -> FaultKind:
    return next((kind for prefix, kind in known if code.startswith(prefix)), "other")
