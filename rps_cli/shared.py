"""Options and helpers that several commands share."""

import json
import secrets
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from rps_cli.operations.findings import Finding, as_dict, has_failed, render
from rps_core.api_client import ApiClient
from rps_core.settings import Settings
from rps_core.settings.section import http_address

# Loading twelve models takes seconds on a busy machine.
TIMEOUT_SECONDS = 30.0

AsJson = Annotated[bool, typer.Option("--json", help="Write the report as JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the players' random moves. Default: drawn and shown.")]
Url = Annotated[str | None, typer.Option(help="Address of the API. Default: API_BASE, or RPS_HOST and RPS_API_PORT.")]


def open_api(settings: Settings, url: str | None = None) -> ApiClient:
    """Return a client of the API at `url`, or at the address in the settings, with the operators' token.

    Raises:
        typer.BadParameter: `url` is not an address.
    """
    try:
        address = http_address(url) if url else settings.services.api_base_url
    except ValueError as error:
        raise typer.BadParameter(f"--url {error}") from error
    token = settings.http.api_token.get_secret_value() if settings.http.api_token else None
    return ApiClient(address, token, timeout_seconds=TIMEOUT_SECONDS)


def draw_seed(seed: int | None) -> int:
    """Return the seed, or a random one."""
    return secrets.randbits(32) if seed is None else seed


def report_findings(findings: Sequence[Finding], *, as_json: bool, fail: bool = True, **details: Any) -> None:
    """Print findings, and `details` in JSON; end with exit code 1 if a check failed and `fail` is set."""
    if as_json:
        typer.echo(json.dumps(as_dict(findings) | details, indent=2, default=str))
    else:
        typer.echo(render(findings))
    if fail and has_failed(findings):
        raise typer.Exit(1)


def to_stderr(sentence: str) -> None:
    """Print a sentence that is not part of the report."""
    typer.echo(sentence, err=True)


def align(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Return rows as lines with aligned columns; the last column may be of any width.

    Args:
        rows: cells, the same number in each row.
        right: positions of the columns that are aligned to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    lines = []
    for *cells, last in rows:
        aligned = [
            cell.rjust(width) if position in right else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append("  ".join([*aligned, last]).rstrip())
    return lines
