"""The command that validates a running system with many games: `rps validate`."""

from typing import Annotated

import typer

from rps_cli.shared import AsJson, Seed, Url, draw_seed, open_api, report_findings, to_stderr
from rps_core.settings import load_settings


def validate(
    games: Annotated[int, typer.Option(min=1, max=100_000, help="Number of games.")] = 500,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Games in a batch; each batch is checked.")] = 50,
    clients: Annotated[int, typer.Option(min=1, max=256, help="Games under way at the same time.")] = 8,
    seed: Seed = None,
    url: Url = None,
    api_only: Annotated[
        bool, typer.Option("--api-only", help="Skip MLflow and the model cache, if you cannot reach them.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Others play at the same time: counters may move further than expected.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a running system in three phases and stop at the first that fails.

    1. The smoke test of `rps verify`.
    2. Games of the eight scripted players against all opponents, in batches.
    3. Every counter of play must have moved by exactly what was played.

    The games are stored as scripted: training uses them, and dashboards show them.

    Exit code 0 if all phases pass, 1 if one fails, 2 for wrong arguments.

    Example: rps validate --games 500 --batch 50
    """
    from rps_cli.operations.smoke import smoke_checks
    from rps_cli.operations.validation import Exercise
    from rps_cli.operations.validation import validate as run_validation

    settings = load_settings()
    api = open_api(settings, url)
    exercise = Exercise(games, batch, draw_seed(seed), clients, shared)
    smoke = list(smoke_checks(api, settings, api_only=api_only))
    result = run_validation(api, smoke, exercise, to_stderr)
    if not as_json and result.games.outcomes:
        typer.echo(f"seed {exercise.seed}\n{result.games}\n")
    report_findings(result.findings, as_json=as_json, seed=exercise.seed, games=result.games.as_dict())
