"""The commands that promote by hand: `rps promote` and `rps rollback`. Dagster queues and runs them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from rps_assets.promotion.by_hand_plans import MIN_REASON_LENGTH, InvalidPromotion, plan_rollback
from rps_assets.promotion.requests import described_moves, plan_promotion, read_promotion, read_rollback
from rps_cli.errors import WrongArguments
from rps_cli.shared import to_stderr
from rps_cli.stores import gameplay_store
from rps_core.dagster_runs import DagsterRuns
from rps_core.errors import RpsError
from rps_core.game.families import FAMILIES, Alias, Family, Slot
from rps_core.registry_server import NotAServer, RegistryFault, RegistryServer
from rps_core.settings import ServiceSettings, load_settings
from rps_core.store.ledger import PromotionLedger

# Tag of a version: the version that its slot held before its training.
REPLACES_TAG = "replaces_version"
# Far more entries than lie between two moves of one family.
HISTORY_LIMIT = 500
Reason = Annotated[
    str,
    typer.Option(
        "--reason",
        help=f"Reason of at least {MIN_REASON_LENGTH} characters; the promotion ledger keeps it.",
        show_default=False,
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
    settings = load_settings()
    with arguments():
        wanted = read_promotion(slots, reason)
        registry = read_registry(settings.services)
        planned = registry and plan_promotion(wanted.moves, registry.by_family(), registry.tags_of)
    if dry_run and registry is not None:
        for family, changes in (planned or {}).items():
            say_planned(family, registry.held(family), changes)
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
    settings = load_settings()
    with arguments():
        name, _ = read_rollback(family, reason)
    registry = read_registry(settings.services) if dry_run else None
    if registry is not None:
        with gameplay_store(settings.storage) as store:
            history = PromotionLedger(store).history(family=name, limit=HISTORY_LIMIT)
        held = registry.held(name)
        say_planned(name, held, plan_rollback(name, held, history, registry.replaced(name)))
        return
    run_job("roll_back_by_hand", "roll_back_family", {"family": family, "reason": reason, "dry_run": dry_run})


class RegisteredSlots:
    """What each slot holds, read from MLflow's server without a run and without MLflow."""

    def __init__(self, server: RegistryServer) -> None:
        self._server = server
        self._versions = {found.slot: found for found in server.aliased_versions()}

    def held(self, family: Family) -> dict[Alias, str]:
        """Return the version in each filled slot of a family."""
        return {slot.alias: found.version for slot, found in self._versions.items() if slot.family == family}

    def by_family(self) -> dict[Family, dict[Alias, str]]:
        """Return the version in each filled slot, by family."""
        return {family: self.held(family) for family in FAMILIES}

    def replaced(self, family: Family) -> dict[Alias, str]:
        """Return for each slot of a family the version that the training of its current one replaced, if known."""
        tags = {slot.alias: found.tags for slot, found in self._versions.items() if slot.family == family}
        return {alias: tag[REPLACES_TAG] for alias, tag in tags.items() if tag.get(REPLACES_TAG)}

    def tags_of(self, family: Family, version: str) -> Mapping[str, str] | None:
        """Return the tags of a registered version, or None if it does not exist."""
        return self._server.tags_of(Slot(family, "Production"), version)


def read_registry(services: ServiceSettings) -> RegisteredSlots | None:
    """Return what the slots hold; None if MLflow is not a server or does not answer, so that only a run can tell."""
    try:
        return RegisteredSlots(RegistryServer(services.mlflow_tracking_uri, services.mlflow_credentials))
    except (NotAServer, RegistryFault):
        return None


@contextmanager
def arguments() -> Iterator[None]:
    """Report wrong arguments with exit code 2."""
    try:
        yield
    except InvalidPromotion as error:
        raise WrongArguments(f"{error}; nothing was moved") from error


def say_planned(family: Family, held: Mapping[Alias, str], changes: Mapping[Alias, str]) -> None:
    """Say what would move."""
    moves = f"would move {described_moves(held, changes)}" if changes else "the slots already hold these versions"
    typer.echo(f"{family}: {moves}; nothing moved")


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
