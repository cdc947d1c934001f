"""The commands that promote by hand: `rps promote` and `rps rollback`. Dagster queues and runs them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from rps_cli.shared import to_stderr
from rps_core.dagster_runs import DagsterRuns
from rps_core.errors import RpsError
from rps_core.settings import ServiceSettings, load_settings

Reason = Annotated[
    str,
    typer.Option(
        "--reason", help="Reason of at least 3 characters; the promotion ledger keeps it.", show_default=False
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would move, and move nothing.")]


class RunFailed(RpsError):
    """A run of Dagster failed; the message is the run's own."""


def promote(
    slots: Annotated[
        list[str],
        typer.Argument(
            help="family@alias to swap with Production; family@alias:other to swap with another slot; "
            "family@alias=version to fill a slot with a version.",
            show_default=False,
        ),
    ],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Swap slots with Production or with each other, or fill them with versions from the registry.

    Aliases and ledger change together or not at all; the model cache and the API follow. Needs a running product.

    Example: rps promote xgboost@B --reason "wins more since Monday"

    Example: rps promote xgboost@Production=104 xgboost@B=99 --reason "back to the September models"
    """
    from rps_cli.operations.by_hand import check_promotion

    if check_promotion(load_settings().services, slots, reason, say=typer.echo if dry_run else None):
        return
    run_job("promote_by_hand", "promote_slots", {"slots": slots, "reason": reason, "dry_run": dry_run})


def rollback(
    family: Annotated[str, typer.Argument(help="xgboost, feedforward_nn or multinomial_logistic.", show_default=False)],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Undo the last change of a family's slots, whether a promotion or a training made it.

    A second rollback undoes the first.

    Example: rps rollback xgboost --reason "loses every game since noon"
    """
    from rps_cli.operations.by_hand import check_rollback

    if check_rollback(load_settings(), family, reason, say=typer.echo if dry_run else None):
        return
    run_job("roll_back_by_hand", "roll_back_family", {"family": family, "reason": reason, "dry_run": dry_run})


def run_job(job: str, op: str, config: dict[str, Any]) -> None:
    """Run a Dagster job of one op and print its log.

    Raises:
        RunFailed: the run did not succeed.
    """
    launch(load_settings().services, job, {"ops": {op: {"config": config}}}, log=typer.echo)


def launch(
    services: ServiceSettings,
    job: str,
    config: Mapping[str, Any],
    *,
    log: Callable[[str], None],
    assets: Sequence[Sequence[str]] = (),
    tags: Mapping[str, str] | None = None,
    wait: bool = True,
) -> str:
    """Start a run through Dagster, follow it to its end if `wait` is set, and return its id.

    Raises:
        RunFailed: the run did not succeed.
    """
    runs = DagsterRuns(services.dagster_base_url)
    run_id = runs.launch(job, config, assets=assets, tags=tags)
    to_stderr(f"run {services.dagster_base_url}/runs/{run_id}")
    if wait:
        ended = runs.watch(run_id, log)
        if not ended.has_succeeded:
            raise RunFailed(ended.failure)
    return run_id
