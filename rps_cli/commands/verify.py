"""The command that tests a running system: `rps verify`."""

from typing import Annotated

import typer

from rps_cli.shared import AsJson, Url, end_with, open_api
from rps_core.settings import load_settings


def verify(
    url: Url = None,
    api_only: Annotated[
        bool, typer.Option("--api-only", help="Look neither at MLflow nor at the model cache: they are out of reach.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Test a running system in one pass: health, a test game against each opponent, metrics, ledger, models.

    Compares what the registry's aliases name with what the cache holds and what the API serves. Test games count
    nowhere, so it may run at any time; it changes nothing.

    Exit code 0 if everything is as it should be, 1 if something is not: the table says what, and what to do.

    Example: rps verify --url https://play.example
    """
    from rps_cli.operations.findings import look_at_all
    from rps_cli.operations.smoke import smoke_steps

    settings = load_settings()
    end_with(look_at_all(smoke_steps(open_api(settings, url), settings, api_only=api_only)), as_json=as_json)
