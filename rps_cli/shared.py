"""Options that several commands have, and how findings are shown."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from rps_cli.operations.findings import Finding, as_dict, has_failed, render
from rps_core.api_client import ApiClient
from rps_core.settings import Settings

# Loading twelve models takes seconds on a machine under load.
TIMEOUT_SECONDS = 30.0

AsJson = Annotated[bool, typer.Option("--json", help="Write the report as JSON.")]
Url = Annotated[
    str | None, typer.Option(help="Address of the API; API_BASE or RPS_HOST and RPS_API_PORT where none is given.")
]


def open_api(settings: Settings, url: str | None = None) -> ApiClient:
    """Return a client of the API at `url`, or at the address in the settings, with the operators' token."""
    token = settings.http.api_token.get_secret_value() if settings.http.api_token else None
    return ApiClient(url or settings.services.api_base_url, token, timeout_seconds=TIMEOUT_SECONDS)


def end_with(findings: Sequence[Finding], *, as_json: bool, fail: bool = True, **further: Any) -> None:
    """Show findings and what else a report holds; ends the command with exit code 1 if one failed and that counts."""
    if as_json:
        typer.echo(json.dumps(as_dict(findings) | further, indent=2, default=str))
    else:
        typer.echo(render(findings))
    if fail and has_failed(findings):
        raise typer.Exit(1)


def to_stderr(sentence: str) -> None:
    """Say something beside the report, which is what stdout holds."""
    typer.echo(sentence, err=True)
