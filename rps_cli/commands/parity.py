"""The command that compares serving with training: `rps parity`."""

from typing import Annotated

import typer

from rps_cli.shared import AsJson, Seed, Url, draw_seed, open_api, report_findings
from rps_core.settings import load_settings


def parity(
    games: Annotated[int, typer.Option(min=1, max=1_000, help="Number of games that Cal plays against Forrest.")] = 10,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if anything differs.")] = False,
    sleep: Annotated[float, typer.Option(min=0.0, max=60.0, help="Seconds to wait after each round.")] = 0.0,
    seed: Seed = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Play Cal against Forrest and compare what models saw in play with what training builds, column by column.

    Features and probabilities come from the replies and the explanations; the code that builds training data builds
    the features again. The report also shows how often each alias predicted Cal's move, live and in training. The
    games are test games: they do not count anywhere.

    Exit code 0 if everything is equal, or without --strict; 1 if something differs or a game failed.

    Example: rps parity --games 10 --strict --sleep 0.1
    """
    from rps_cli.operations.parity import play_for_parity

    seed = draw_seed(seed)
    report = play_for_parity(open_api(load_settings(), url), games, seed=seed, pause_seconds=sleep)
    if not as_json:
        typer.echo("\n".join([f"{games} games, seed {seed}, {report.rounds} rounds", *report.lines()]))
    accuracy = {"live": report.accuracy, "training": report.trained_accuracy}
    report_findings(report.findings(), as_json=as_json, fail=strict, seed=seed, rounds=report.rounds, accuracy=accuracy)
