"""The revision of the gameplay schema: which one a database has, and the way to another one.

Going back keeps every game: a newer release takes its own additions out again, and the older release can start on what
is left. What only the newer schema can hold is lost, which is why a snapshot comes first.
"""

import alembic.command
import alembic.config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from rps_core.errors import StoreError
from rps_core.store.engine import MIGRATIONS, migrating


def known_revisions() -> tuple[str, ...]:
    """Return the revisions that this release knows, oldest first."""
    return tuple(reversed([script.revision for script in _scripts().walk_revisions()]))


def _scripts() -> ScriptDirectory:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def revision_of(engine: Engine) -> str | None:
    """Return the revision of a database; None where it holds no tables of ours.

    Raises:
        StoreError: it cannot be reached or read.
    """
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise StoreError(
            f"the gameplay database {engine.url.render_as_string()} cannot be used: {error.orig}"
        ) from error


def migrate_to(engine: Engine, revision: str) -> str:
    """Bring a database forwards or back to a revision, in one transaction, and return a sentence about it.

    Raises:
        StoreError: the revision or that of the database is unknown, or a step has no way back.
    """
    known, held = known_revisions(), revision_of(engine)
    if revision not in known:
        raise StoreError(f"there is no schema revision {revision[:40]!r}; this release knows {', '.join(known)}")
    if held is not None and held not in known:
        raise StoreError(f"the database is at revision {held}, which this release does not know; use the newer release")
    if held == revision:
        return f"left at revision {revision}, where it was"
    forwards = held is None or known.index(held) < known.index(revision)
    if not forwards:
        _require_way_back(known[known.index(revision) + 1 :])
    with migrating(engine) as config:
        (alembic.command.upgrade if forwards else alembic.command.downgrade)(config, revision)
    return f"migrated {'from' if forwards else 'back from'} {held or 'nothing'} to {revision}"


def _require_way_back(undone: tuple[str, ...]) -> None:
    scripts = _scripts()
    for revision in undone:
        script = scripts.get_revision(revision)
        if script is None or not hasattr(script.module, "downgrade"):
            raise StoreError(
                f"revision {revision} has no way back; restore the snapshot from before the upgrade instead"
            )
