"""The commands that train models and bring them into play: `rps train`, `rps sync` and `rps reload`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from rps_cli.commands.promotions import RunFailed
from rps_cli.operations.findings import Finding
from rps_cli.shared import AsJson, Url, end_with, open_api, to_stderr
from rps_core.dagster_runs import ASSET_JOB, DagsterRuns
from rps_core.errors import UnknownModelSlot
from rps_core.game.families import ALIASES, FAMILIES, SLOTS, parse_alias, parse_family
from rps_core.game.opponents import opponent_of
from rps_core.settings import load_settings

MODEL_CACHE, SERVED_MODELS = ("serving", "model_cache"), ("serving", "served_models")
DATA = (("training", "games"), ("training", "dataset"))
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end, or only start it.")]


def train(
    family: Annotated[str | None, typer.Option(help=f"One family: {', '.join(FAMILIES)}. All three otherwise.")] = None,
    alias: Annotated[str | None, typer.Option(help=f"One alias: {', '.join(ALIASES)}. All four otherwise.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Fit also where the registry has a version of the same data and settings.")
    ] = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Build the newest dataset and train models on it, through Dagster; the served set follows by itself.

    Each alias keeps the configuration of the version it holds. The run waits for its turn like any other and can be
    watched in Dagster's UI, whose address is shown.

    Exit code 0 if the run succeeded (with --no-wait: was started), 1 if not, 2 for wrong arguments.

    Example: rps train --family xgboost --alias B --force
    """
    families = FAMILIES if family is None else (_parsed(parse_family, family),)
    aliases = ALIASES if alias is None else (_parsed(parse_alias, alias),)
    keys = [("models", opponent_of(one).policy) for one in families]
    config = {"ops": {"__".join(key): {"config": {"force": True}} for key in keys}} if force else {}
    # The tags by which Dagster names a range of partitions: all of them in one run.
    tags = {"dagster/asset_partition_range_start": aliases[0], "dagster/asset_partition_range_end": aliases[-1]}
    run_id = _run("train_models", config, [*DATA, *keys], tags, say=to_stderr if as_json else typer.echo, wait=wait)
    if as_json:
        typer.echo(json.dumps({"ok": True, "run_id": run_id, "families": families, "aliases": aliases}))


def sync(
    clean: Annotated[
        bool, typer.Option("--clean", help="Insist that the cache holds nothing but the aliased runs afterwards.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write every run again, also those that are there with the right bytes.")
    ] = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Mirror the registry's aliased models into the model cache now, and let the API take them over.

    Materialises serving/model_cache and serving/served_models through Dagster. What no alias points at is always
    deleted; --clean proves it by reading the cache afterwards.

    Exit code 0 if cache and API hold what the registry says, 1 if not.

    Example: rps sync --clean
    """
    config = {"ops": {"__".join(MODEL_CACHE): {"config": {"force": True}}}} if force else {}
    say = to_stderr if as_json else typer.echo
    run_id = _run(ASSET_JOB, config, [MODEL_CACHE, SERVED_MODELS], {}, say=say, wait=wait)
    end_with(_cached(clean=clean) if wait else [], as_json=as_json, run_id=run_id)


def reload(
    family: Annotated[
        str | None,
        typer.Argument(help=f"One family: {', '.join(FAMILIES)}. All of them otherwise.", show_default=False),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Let a running API load the models that the cache names, now instead of within RPS_MODEL_REFRESH_SECONDS.

    Needs RPS_API_TOKEN where the API has one. Behind a load balancer one replica answers; the others look by
    themselves.

    Exit code 0 if every slot was loaded, 1 if one was not, 2 for wrong arguments.

    Example: rps reload xgboost
    """
    api = open_api(load_settings(), url)
    path = "reload" if family is None else f"{_parsed(parse_family, family)}/load?force_reload=true"
    told = api.post(f"/models/{path}")
    loaded = bool(told.get("success"))
    todo = "" if loaded else "`rps sync` mends the cache; the API's log says more"
    finding = Finding(family or "all families", "ok" if loaded else "failed", str(told.get("message")), todo)
    end_with([finding], as_json=as_json, reply=told)


def _run(
    job: str,
    config: Mapping[str, Any],
    assets: Sequence[Sequence[str]],
    tags: Mapping[str, str],
    *,
    say: Callable[[str], None],
    wait: bool,
) -> str:
    settings = load_settings()
    runs = DagsterRuns(settings.services.dagster_base_url)
    run_id = runs.launch(job, config, assets=assets, tags=tags)
    to_stderr(f"run {settings.services.dagster_base_url}/runs/{run_id}")
    if wait:
        ended = runs.watch(run_id, say)
        if not ended.has_succeeded:
            raise RunFailed(ended.failure)
    return run_id


def _cached(*, clean: bool) -> list[Finding]:
    from rps_cli.operations.smoke import cache_faults
    from rps_core.cache import ModelCache

    settings = load_settings()
    cache = ModelCache.open(settings.storage.cache_url, settings.storage.cache_storage_options)
    index = cache.read_index()
    entries = () if index is None else index.entries
    held = {entry.slot: entry for entry in entries}
    findings = [
        Finding(str(slot), "ok", f"{held[slot].marker}, run {held[slot].run_id}")
        if slot in held
        else Finding(str(slot), "failed", "no version that could be served", "`rps train` fills all twelve")
        for slot in SLOTS
    ]
    runs = len({entry.run_id for entry in entries})
    # Two aliases that share a run are no fault, only rarely meant.
    shared = "" if runs == len(entries) else "; some aliases share one"
    findings.append(Finding("runs", "ok", f"{runs} distinct{shared}"))
    if clean and index is not None:
        faults = cache_faults(cache, index)
        said = "\n".join(faults) or "nothing but the aliased runs"
        findings.append(Finding("content", "failed" if faults else "ok", said))
    return findings


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except UnknownModelSlot as error:
        raise typer.BadParameter(str(error)) from error
