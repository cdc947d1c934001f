"""Commands that are one process: `rps api` and `rps migrate`."""

import os

import typer

from rps_core.settings import load_settings


def api() -> None:
    """Serve the game and its API, and nothing else.

    Brings the gameplay database to the newest schema, then becomes the server: signals, logs and the exit code are
    the server's. RPS_HOST and RPS_API_PORT say where it listens, RPS_DATABASE_URL where games are stored, RPS_CACHE_URL
    or MINIO_ENDPOINT where models come from. Without models it plays at random, until some are served.
    """
    from rps_core.up.programs import api_command

    settings = load_settings()
    _upgrade()
    command = api_command(settings)
    os.execv(command[0], command)  # noqa: S606  # fixed arguments, no shell


def migrate() -> None:
    """Bring the gameplay database to the newest schema.

    Does nothing where it already is. `rps api` and `rps up` do it by themselves; several replicas that start at once
    are better preceded by this.
    """
    typer.echo(f"the gameplay database {_upgrade()} is at the newest schema")


def _upgrade() -> str:
    from rps_core.store import open_engine, upgrade_store

    settings = load_settings()
    engine = open_engine(settings.database_url, sqlite_synchronous=settings.sqlite_synchronous)
    try:
        upgrade_store(engine)
        return engine.url.render_as_string()
    finally:
        engine.dispose()
