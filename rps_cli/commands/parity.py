"""The command that compares play with training: `rps parity`."""

import secrets
from typing import Annotated

import typer

from rps_cli.shared import AsJson, Url, end_with, open_api
from rps_core.settings import load_settings


def parity(
    games: Annotated[int, typer.Option(min=1, max=1_000, help="How many games Cal plays against Forrest.")] = 10,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 if anything differs; else it is only told.")
    ] = False,
    sleep: Annotated[float, typer.Option(min=0.0, max=60.0, help="Seconds to wait after each round.")] = 0.0,
    seed: Annotated[int | None, typer.Option(help="Seed of what Cal draws; one is drawn where none is given.")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Play Cal against Forrest and compare what was served with what training would have seen, column by column.

    Takes features and probabilities from the replies and the explanations, builds the features again with the code
    that builds the training data, and tells how often each alias foretold Cal, beside the accuracy of its training.
    The games are test games: they count nowhere.

    Exit code 0 if everything is equal or --strict was not given, 1 otherwise, or if a game failed.

    Example: rps parity --games 10 --strict --sleep 0.1
    """
    from rps_cli.operations.parity import play_for_parity

    seed = secrets.randbits(32) if seed is None else seed
    report = play_for_parity(open_api(load_settings(), url), games, seed=seed, pause_seconds=sleep)
    findings = report.findings()
    if not as_json:
        typer.echo("\n".join([f"{games} games, seed {seed}, {report.rounds} rounds", *report.lines()]))
    accuracy = {"live": report.accuracy, "training": report.trained_accuracy}
    end_with(findings, as_json=as_json, fail=strict, seed=seed, rounds=report.rounds, accuracy=accuracy)
