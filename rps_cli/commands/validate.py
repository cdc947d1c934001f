"""The command that proves a running system with many games: `rps validate`."""

import secrets
from typing import Annotated

import typer

from rps_cli.shared import AsJson, Url, end_with, open_api
from rps_core.settings import load_settings


def validate(
    games: Annotated[int, typer.Option(min=1, max=100_000, help="How many games.")] = 500,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Games between two looks at the result.")] = 50,
    clients: Annotated[int, typer.Option(min=1, max=256, help="Games under way at the same time.")] = 8,
    seed: Annotated[
        int | None, typer.Option(help="Seed of what the players draw; one is drawn where none is given.")
    ] = None,
    url: Url = None,
    api_only: Annotated[
        bool, typer.Option("--api-only", help="Let the smoke test look neither at MLflow nor at the model cache.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Others play at the same time: counters may move further than expected.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove a running system in three gated phases and stop at the first that fails.

    1. The smoke test of `rps verify`. 2. Games of the eight scripted players against all opponents, in batches.
    3. Every counter of play moved by exactly what was played. The games are stored as scripted: they train, and
    dashboards show them.

    Exit code 0 if all phases were passed, 1 if one was not, 2 for wrong arguments.

    Example: rps validate --games 500 --batch 50
    """
    from rps_cli.operations.smoke import smoke_steps
    from rps_cli.operations.validation import Exercise
    from rps_cli.operations.validation import validate as run

    settings = load_settings()
    api = open_api(settings, url)
    seed = secrets.randbits(32) if seed is None else seed
    exercise = Exercise(games, batch, seed, clients, shared)
    steps = list(smoke_steps(api, settings, api_only=api_only))
    done = run(api, steps, exercise, lambda sentence: typer.echo(sentence, err=True))
    if not as_json and done.games.outcomes:
        typer.echo(f"seed {seed}\n{done.games}\n")
    end_with(done.findings, as_json=as_json, seed=seed, games=done.games.as_dict())
