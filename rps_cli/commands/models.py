"""The commands that train models and serve them: `rps train`, `rps sync` and `rps reload`."""

import json
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from rps_cli.commands.promotions import launch
from rps_cli.operations.findings import Finding
from rps_cli.shared import AsJson, Url, open_api, report_findings, to_stderr
from rps_core.dagster_runs import ASSET_JOB
from rps_core.errors import UnknownModelSlot
from rps_core.game.families import ALIASES, FAMILIES, SLOTS, parse_alias, parse_family
from rps_core.game.opponents import opponent_of
from rps_core.settings import StorageSettings, load_settings

MODEL_CACHE, SERVED_MODELS = ("serving", "model_cache"), ("serving", "served_models")
DATA = (("training", "simulated_people"), ("training", "games"), ("training", "dataset"))
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end, or only start it.")]
_Name = TypeVar("_Name")


def train(
    family: Annotated[str | None, typer.Option(help=f"One family: {', '.join(FAMILIES)}. Default: all three.")] = None,
    alias: Annotated[str | None, typer.Option(help=f"One alias: {', '.join(ALIASES)}. Default: all four.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train even if the registry has a version of the same data and settings.")
    ] = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Build the newest dataset and train models on it, through Dagster. The new models are served afterwards.

    Each alias keeps the configuration of its current version. The run waits in Dagster's queue; you can watch it at
    the address that is printed.

    Exit code 0 if the run succeeded (with --no-wait: started), 1 if not, 2 for wrong arguments.

    Example: rps train --family xgboost --alias B --force
    """
    families = FAMILIES if family is None else (_parsed(parse_family, family),)
    aliases = ALIASES if alias is None else (_parsed(parse_alias, alias),)
    keys = [("models", opponent_of(name).policy) for name in families]
    config = {"ops": {"__".join(key): {"config": {"force": True}} for key in keys}} if force else {}
    # Dagster's tags for a range of partitions: one run trains all of them.
    tags = {"dagster/asset_partition_range_start": aliases[0], "dagster/asset_partition_range_end": aliases[-1]}
    services, log = load_settings().services, to_stderr if as_json else typer.echo
    run_id = launch(services, "train_models", config, log=log, assets=[*DATA, *keys], tags=tags, wait=wait)
    if as_json:
        typer.echo(json.dumps({"ok": True, "run_id": run_id, "families": families, "aliases": aliases}))


def sync(
    clean: Annotated[
        bool, typer.Option("--clean", help="Check afterwards that the cache has only the runs that an alias names.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write every run again, even if the cache already has the right bytes.")
    ] = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Copy the registry's aliased models into the model cache now, and let the API load them.

    Materialises serving/model_cache and serving/served_models through Dagster. Runs that no alias names are always
    deleted from the cache; --clean reads the cache afterwards and proves it.

    Exit code 0 if cache and API match the registry, 1 if not.

    Example: rps sync --clean
    """
    settings, log = load_settings(), to_stderr if as_json else typer.echo
    config = {"ops": {"__".join(MODEL_CACHE): {"config": {"force": True}}}} if force else {}
    run_id = launch(settings.services, ASSET_JOB, config, log=log, assets=[MODEL_CACHE, SERVED_MODELS], wait=wait)
    findings = _cache_findings(settings.storage, clean=clean) if wait else []
    report_findings(findings, as_json=as_json, run_id=run_id)


def reload(
    family: Annotated[
        str | None,
        typer.Argument(help=f"One family: {', '.join(FAMILIES)}. Default: all of them.", show_default=False),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Let a running API load the models in the cache now, instead of within RPS_MODEL_REFRESH_SECONDS.

    Needs RPS_API_TOKEN if the API has one. Behind a load balancer only one replica reloads at once; the others follow
    within RPS_MODEL_REFRESH_SECONDS.

    Exit code 0 if every slot was loaded, 1 if not, 2 for wrong arguments.

    Example: rps reload xgboost
    """
    path = "reload" if family is None else f"{_parsed(parse_family, family)}/load?force_reload=true"
    reply = open_api(load_settings(), url).post(f"/models/{path}")
    loaded = bool(reply.get("success"))
    remedy = "" if loaded else "run `rps sync`, which repairs the cache, and read the API's log"
    finding = Finding(family or "all families", "ok" if loaded else "failed", str(reply.get("message")), remedy)
    report_findings([finding], as_json=as_json, reply=reply)


def _cache_findings(storage: StorageSettings, *, clean: bool) -> list[Finding]:
    from rps_cli.operations.smoke import cache_faults
    from rps_core.cache import ModelCache

    cache = ModelCache.of(storage)
    index = cache.read_index()
    entries = {} if index is None else {entry.slot: entry for entry in index.entries}
    findings = [
        Finding(str(slot), "ok", f"{entries[slot].marker}, run {entries[slot].run_id}")
        if slot in entries
        else Finding(str(slot), "failed", "no version can be served", "run `rps train`, which fills all twelve")
        for slot in SLOTS
    ]
    runs = len({entry.run_id for entry in entries.values()})
    # Aliases may share a run; it is rarely intended.
    shared = "" if runs == len(entries) else "; some aliases share one"
    findings.append(Finding("runs", "ok", f"{runs} distinct{shared}"))
    if clean and index is not None:
        faults = cache_faults(cache, index)
        message = "\n".join(faults) or "only the runs that an alias names"
        findings.append(Finding("content", "failed" if faults else "ok", message))
    return findings


def _parsed(parse: Callable[[str], _Name], text: str) -> _Name:
    try:
        return parse(text)
    except UnknownModelSlot as error:
        raise typer.BadParameter(str(error)) from error
