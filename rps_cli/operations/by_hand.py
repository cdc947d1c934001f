"""Promotions by hand before their run: arguments are checked, and a dry run is answered, without Dagster and MLflow.

The run plans with the same functions and checks again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rps_assets.promotion.by_hand_plans import HISTORY_LIMIT, InvalidPromotion, plan_rollback
from rps_assets.promotion.requests import (
    described_moves,
    plan_promotion,
    read_configuration,
    read_promotion,
    read_rollback,
)
from rps_cli.errors import WrongArguments
from rps_cli.stores import gameplay_store
from rps_core.game.families import FAMILIES, Alias, Family, Slot
from rps_core.registry_server import REPLACES_TAG, NotAServer, RegistryFault, RegistryServer
from rps_core.settings import ServiceSettings, Settings
from rps_core.store.ledger import PromotionLedger

# Reports what would move; None for a real run.
Say = Callable[[str], None] | None


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


def check_promotion(services: ServiceSettings, slots: Sequence[str], reason: str, *, say: Say) -> bool:
    """Check the arguments of a promotion, and say what would move.

    Returns:
        whether that was all: false if a run must do the rest, or only a run can read the registry.

    Raises:
        WrongArguments: names every wrong argument.
    """
    with _arguments():
        wanted = read_promotion(slots, reason)
        registry = _read_registry(services)
        if registry is None:
            return False
        planned = plan_promotion(wanted.moves, registry.by_family(), registry.tags_of)
    for family, changes in planned.items():
        _say_planned(say, family, registry.held(family), changes)
    return say is not None


def check_rollback(settings: Settings, family: str, reason: str, *, say: Say) -> bool:
    """Check the arguments of a rollback, and say what would move; see `check_promotion`."""
    with _arguments():
        name, _ = read_rollback(family, reason)
    registry = _read_registry(settings.services) if say else None
    if registry is None:
        return False
    with gameplay_store(settings.storage) as store:
        history = PromotionLedger(store).history(family=name, limit=HISTORY_LIMIT)
    held = registry.held(name)
    _say_planned(say, name, held, plan_rollback(name, held, history, registry.replaced(name)))
    return True


def check_configuration(services: ServiceSettings, name: str, alias: str, reason: str, *, say: Say) -> bool:
    """Check which configuration goes into which slot, and say what would happen; see `check_promotion`."""
    with _arguments():
        chosen, slot, _ = read_configuration(name, alias, reason)
    registry = _read_registry(services) if say else None
    if registry is None or say is None:
        return False
    held = registry.held(chosen.family).get(slot, "empty")
    say(f"{chosen.family}@{slot}: would train {chosen.id} for version {held}; nothing moved")
    return True


@contextmanager
def _arguments() -> Iterator[None]:
    """Report wrong arguments with exit code 2."""
    try:
        yield
    except InvalidPromotion as error:
        raise WrongArguments(f"{error}; nothing was moved") from error


def _read_registry(services: ServiceSettings) -> RegisteredSlots | None:
    """Return what the slots hold; None if MLflow is not a server or does not answer, so that only a run can tell."""
    try:
        return RegisteredSlots(RegistryServer(services.mlflow_tracking_uri, services.mlflow_credentials))
    except (NotAServer, RegistryFault):
        return None


def _say_planned(say: Say, family: Family, held: Mapping[Alias, str], changes: Mapping[Alias, str]) -> None:
    if say is not None:
        moves = f"would move {described_moves(held, changes)}" if changes else "the slots already hold these versions"
        say(f"{family}: {moves}; nothing moved")
