"""Commands that are one process: `rps api` and `rps migrate`."""

import json
from importlib.util import find_spec
from typing import Annotated

import typer

from rps_cli.shared import AsJson
from rps_core.settings import load_settings


def api() -> None:
    """Serve the game and its API in this process.

    Migrates the gameplay database to the newest schema, then becomes the server: signals, logs and the exit code are
    the server's. RPS_HOST and RPS_API_PORT set the address, RPS_DATABASE_URL the store of the games, RPS_CACHE_URL or
    MINIO_ENDPOINT the source of the models. Until there are models, the bots play at random.
    """
    from rps_api.termination import become, end_on_sigterm
    from rps_cli.network import own_services
    from rps_cli.stores import gameplay_store
    from rps_cli.up.checks import check_port
    from rps_cli.up.programs import api_command

    end_on_sigterm()
    if find_spec("granian") is None:
        raise ModuleNotFoundError("No module named 'granian'", name="granian")
    settings = load_settings()
    check_port(settings.services.host, own_services(settings.services)[0])
    with gameplay_store(settings.storage, upgrade=True):
        pass
    become(api_command(settings.services))


def migrate(
    to: Annotated[str | None, typer.Option(help="Revision to migrate to, like 0001. Default: the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Migrate the gameplay database to the newest schema, or forwards or back to another revision.

    `rps api` and `rps up` do it when they start; run this before you start several replicas at once. To roll back:
    stop everything that uses the database, take a snapshot, run this with the newer release, then start the older
    one. Every game is kept.

    Exit code 0 if the database is at the revision. Exit code 1 otherwise: then the database is unchanged.

    Example: rps migrate --to 0001
    """
    from rps_cli.operations.schema import migrate_to
    from rps_cli.stores import gameplay_store
    from rps_core.store.addresses import public_database

    with gameplay_store(load_settings().storage, upgrade=to is None) as engine:
        result = "is at the newest schema" if to is None else f"was {migrate_to(engine, to)}"
        where = public_database(engine.url)
    if as_json:
        typer.echo(json.dumps({"ok": True, "database": where, "done": result, "revision": to or "newest"}))
    else:
        typer.echo(f"the gameplay database {where} {result}")
