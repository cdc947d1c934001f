"""Commands that are one process: `rps api` and `rps migrate`."""

import json
import os
from typing import Annotated

import typer

from rps_cli.shared import AsJson
from rps_core.settings import load_settings


def api() -> None:
    """Serve the game and its API, and nothing else.

    Brings the gameplay database to the newest schema, then becomes the server: signals, logs and the exit code are
    the server's. RPS_HOST and RPS_API_PORT say where it listens, RPS_DATABASE_URL where games are stored, RPS_CACHE_URL
    or MINIO_ENDPOINT where models come from. Without models it plays at random, until some are served.
    """
    from rps_cli.up.programs import api_command

    settings = load_settings()
    _upgrade()
    command = api_command(settings)
    os.execv(command[0], command)  # noqa: S606  # fixed arguments, no shell


def migrate(
    to: Annotated[
        str | None, typer.Option(help="Revision to go to, forwards or back, like 0001. The newest otherwise.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the gameplay database to the newest schema, or to another revision.

    Does nothing where it already is. `rps api` and `rps up` do it by themselves; several replicas that start at once
    are better preceded by this. Going back is for a rollback: stop what uses the database, take a snapshot, run this
    with the newer release, then start the older one. Games are kept either way.

    Exit code 0 if the database is at the revision, 1 if not: then it is as it was.

    Example: rps migrate --to 0001
    """
    if to is None:
        where, said = _upgrade(), "is at the newest schema"
    else:
        where, said = _migrate(to)
    if as_json:
        typer.echo(json.dumps({"ok": True, "database": where, "done": said, "revision": to or "newest"}))
    else:
        typer.echo(f"the gameplay database {where} {said}")


def _migrate(revision: str) -> tuple[str, str]:
    from rps_cli.operations.schema import migrate_to
    from rps_core.store import open_engine

    settings = load_settings()
    engine = open_engine(settings.storage.database_url, sqlite_synchronous=settings.storage.sqlite_synchronous)
    try:
        return engine.url.render_as_string(), f"was {migrate_to(engine, revision)}"
    finally:
        engine.dispose()


def _upgrade() -> str:
    from rps_core.store import open_engine, upgrade_store

    settings = load_settings()
    engine = open_engine(settings.storage.database_url, sqlite_synchronous=settings.storage.sqlite_synchronous)
    try:
        upgrade_store(engine)
        return engine.url.render_as_string()
    finally:
        engine.dispose()
