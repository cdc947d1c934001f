"""The command that tests a running system: `rps verify`."""

from typing import Annotated

import typer

from rps_cli.shared import AsJson, Url, open_api, report_findings
from rps_core.settings import load_settings


def verify(
    url: Url = None,
    api_only: Annotated[
        bool, typer.Option("--api-only", help="Skip MLflow and the model cache, if you cannot reach them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Test a running system: health, a test game against each opponent, metrics, promotion ledger and models.

    The registry, the cache and the API must have the same model in each slot. Nothing is changed, and test games do
    not count anywhere, so you can run it at any time.

    Exit code 0 if every check passes, 1 otherwise: the table shows each fault and what to do.

    Example: rps verify --url https://play.example
    """
    from rps_cli.operations.findings import run_all
    from rps_cli.operations.smoke import smoke_checks

    settings = load_settings()
    report_findings(run_all(smoke_checks(open_api(settings, url), settings, api_only=api_only)), as_json=as_json)
