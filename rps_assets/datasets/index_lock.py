"""A lock around each change of a feature index: one process or thread of all that use a gameplay store.

The lock belongs to the store, because buckets have none: their servers may ignore conditional writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock
from sqlalchemy import Engine, text

# Key of PostgreSQL's advisory lock: any number that nothing else in the database uses.
_KEY = 7_230_112
SUFFIX = ".features.lock"


@contextmanager
def index_lock(store: Engine) -> Iterator[None]:
    """Wait until no other training and no other backfill changes an index. A killed holder releases the lock."""
    if store.dialect.name == "postgresql":
        with store.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
            yield
    else:
        with FileLock(f"{store.url.database}{SUFFIX}"):
            yield
