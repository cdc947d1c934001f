"""Commands for the processes of one machine: `rps up`, `rps down` and `rps status`."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rps_core.settings import load_settings

if TYPE_CHECKING:
    from rps_cli.up.layout import Layout


def up(
    bootstrap: Annotated[
        bool,
        typer.Option(
            "--bootstrap/--no-bootstrap",
            help="Play scripted games if no models are trained yet, so that training can start.",
        ),
    ] = True,
) -> None:
    """Start the game, Dagster and MLflow on this machine, and keep them running.

    You can play within seconds. A new product then plays RPS_BOOTSTRAP_GAMES scripted games, trains twelve models and
    serves them, while you watch or play. All state is in DATA_PATH (default .rps), the logs in its folder `logs`.
    Ctrl-C stops everything. The next start continues with the same state, also after a crash.

    Ports: RPS_API_PORT (8080), RPS_DAGSTER_PORT (3000), RPS_MLFLOW_PORT (5000).
    """
    from rps_cli.up.display import build_display
    from rps_cli.up.session import run_up

    settings = load_settings()
    with build_display(sys.stdout) as display:
        run_up(settings, os.environ, display, play=bootstrap)


def down() -> None:
    """Stop the processes that `rps up` started on this data folder, even after it crashed."""
    from rps_cli.up.control import stop_session

    typer.echo(stop_session(_layout()))


def status() -> None:
    """Show the processes of `rps up`, their addresses and the served models. Exit code 1 if nothing runs."""
    from rps_cli.up.control import describe_session

    typer.echo(describe_session(_layout()))


def _layout() -> "Layout":
    from rps_cli.up.layout import plan_layout

    return plan_layout(load_settings().storage, os.environ)
