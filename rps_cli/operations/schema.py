"""Revisions of the gameplay schema: which one a database has, and how to migrate it.

A migration back keeps every game: the newer release removes its own additions, so the older release can start. Values
that only the newer schema has are lost; take a snapshot first.
"""

import alembic.command
import alembic.config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from rps_core.errors import StoreError
from rps_core.store.engine import MIGRATIONS, migrating
from rps_core.store.faults import unusable


def known_revisions() -> tuple[str, ...]:
    """Return the revisions of this release, oldest first."""
    return tuple(reversed([script.revision for script in _scripts().walk_revisions()]))


def _scripts() -> ScriptDirectory:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def revision_of(engine: Engine) -> str | None:
    """Return the revision of a database, or None if it has none of our tables.

    Raises:
        StoreError: the database cannot be reached or read.
    """
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise StoreError(unusable(engine.url, error)) from error


def migrate_to(engine: Engine, revision: str) -> str:
    """Migrate a database forwards or back to a revision, in one transaction, and return how the database was changed.

    Raises:
        StoreError: the revision or the database's own is unknown, or a step cannot be undone.
    """
    known, current = known_revisions(), revision_of(engine)
    if revision not in known:
        raise StoreError(f"schema revision {revision[:40]!r} does not exist; use one of {', '.join(known)}")
    if current is not None and current not in known:
        raise StoreError(
            f"the database is at revision {current}, which this release does not know; use the newer release"
        )
    if current == revision:
        return f"already at revision {revision}"
    forwards = current is None or known.index(current) < known.index(revision)
    if not forwards:
        _require_reversible(known[known.index(revision) + 1 :])
    with migrating(engine) as config:
        (alembic.command.upgrade if forwards else alembic.command.downgrade)(config, revision)
    return f"migrated {'from' if forwards else 'back from'} {current or 'nothing'} to {revision}"


def _require_reversible(undone: tuple[str, ...]) -> None:
    scripts = _scripts()
    for revision in undone:
        script = scripts.get_revision(revision)
        if script is None or not hasattr(script.module, "downgrade"):
            raise StoreError(f"revision {revision} cannot be undone; restore the snapshot from before the upgrade")
