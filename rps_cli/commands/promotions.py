"""The commands by which a person promotes: `rps promote` and `rps rollback`. Dagster does it, and queues them."""

from typing import Annotated, Any

import typer

from rps_core.dagster_runs import DagsterRuns
from rps_core.errors import RpsError
from rps_core.settings import load_settings

Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the promotion ledger.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would move, and move nothing.")]


class RunFailed(RpsError):
    """Dagster could not do what was asked for."""


def promote(
    slots: Annotated[
        list[str],
        typer.Argument(
            help="family@alias; family@alias:other for another slot than Production; family@alias=version to fill a "
            "slot with a version.",
            show_default=False,
        ),
    ],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Let slots change places with Production or with each other, or fill them with versions of the registry.

    Aliases and ledger move together or not at all; model cache and running API follow. Needs a running product.

    Examples: rps promote xgboost@B --reason "wins more since Monday"
    rps promote xgboost@Production=104 xgboost@B=99 --reason "back to the September models"
    """
    run_job("promote_by_hand", "promote_slots", {"slots": slots, "reason": reason, "dry_run": dry_run})


def rollback(
    family: Annotated[str, typer.Argument(help="xgboost, feedforward_nn or multinomial_logistic.", show_default=False)],
    reason: Reason,
    dry_run: DryRun = False,
) -> None:
    """Put the slots of a family back to what they held before its last change: a promotion, or a training.

    Done twice it takes itself back.

    Example: rps rollback xgboost --reason "loses against everybody since noon"
    """
    run_job("roll_back_by_hand", "roll_back_family", {"family": family, "reason": reason, "dry_run": dry_run})


def run_job(job: str, op: str, config: dict[str, Any]) -> None:
    """Run a job of one op through Dagster and show what it says.

    Raises:
        RunFailed: it did not succeed; the message is what it said.
    """
    settings = load_settings()
    runs = DagsterRuns(settings.services.dagster_base_url)
    run_id = runs.launch(job, {"ops": {op: {"config": config}}})
    typer.echo(f"run {settings.services.dagster_base_url}/runs/{run_id}", err=True)
    ended = runs.watch(run_id, typer.echo)
    if not ended.has_succeeded:
        raise RunFailed(ended.failure)
