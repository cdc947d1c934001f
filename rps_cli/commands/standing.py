"""The command that shows how the promotions stand: `rps promotion`."""

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from rps_cli.shared import AsJson, Url, align, open_api
from rps_core.api_client import ApiClient, ApiError
from rps_core.settings import load_settings

WATCH_SECONDS = 5.0
SHOWN = ("family", "policy", "comparison", "progress", "standing", "still_needed", "next_decision_at")
_HEADER = ("family", "Production", "B", "pairs", "only B won", "only Production won", "progress")


def promotion(
    watch: Annotated[
        bool, typer.Option("--watch", help=f"Show the standing again every {WATCH_SECONDS:.0f} s, until Ctrl-C.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show how the comparison of Production and B stands in each family, what it still needs, and why it does not move.

    Asks the running API. A pair holds one game of each side; only pairs that exactly one side won are evidence. With
    --json, each line is one standing.

    Exit code 0, or 1 if the API does not answer.

    Example: rps promotion --watch
    """
    api = open_api(load_settings(), url)
    while True:
        families = _standing(api)
        typer.echo(json.dumps(families) if as_json else "\n".join(standing_lines(families, datetime.now(UTC))))
        if not watch:
            return
        time.sleep(WATCH_SECONDS)


def standing_lines(families: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
    """Return the standing of each family as lines: a table, then a sentence for each family."""
    rows, sentences = [_HEADER], []
    for family in families:
        judged, progress = family["comparison"] or {}, family["progress"]
        counts = (str(judged.get(name, "-")) for name in ("pairs", "b_pairs", "production_pairs"))
        share = f"{100 * progress['share']:.0f} %"
        rows.append((family["family"], judged.get("production", "-"), judged.get("b", "-"), *counts, share))
        parts = (family["standing"], family["still_needed"], _next_decision(family["next_decision_at"], now))
        sentences.append(f"{family['family']}: {'; '.join(part for part in parts if part)}")
    return [*align(rows, right=(3, 4, 5)), "", *sentences]


def _standing(api: ApiClient) -> list[dict[str, Any]]:
    reply = api.get("/observatory/state")
    try:
        return [{name: family[name] for name in SHOWN} for family in reply["families"]]
    except (KeyError, TypeError) as error:
        raise ApiError(
            f"{api.base_url} has no standing of promotions in its answer; it runs an older release, so update it"
        ) from error


def _next_decision(text: str | None, now: datetime) -> str:
    if text is None:
        return "no decision yet"
    moment = datetime.fromisoformat(text)
    return f"next decision at {moment:%H:%M} UTC" if moment > now else "next decision as soon as a game has ended"
