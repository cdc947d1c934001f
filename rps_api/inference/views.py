"""The served models in the form of the endpoints' replies. Pure functions."""

from typing import Any

from rps_api.inference.comparison import Comparison
from rps_api.inference.model import LoadedModel
from rps_api.inference.schemas import FamilyView, ReloadReply, SlotView, Usage
from rps_api.inference.served_models import RefreshReport, ServedModels
from rps_api.inference.snapshot import Snapshot
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, Family, Slot
from rps_core.game.opponents import opponent_of
from rps_core.structs import struct_from


def slot_view(slot: Slot, snapshot: Snapshot) -> SlotView | None:
    """Describe the model in a slot; None if the slot is empty."""
    model = snapshot.slots.get(slot)
    return None if model is None else _model_view(model, slot, snapshot)


def family_view(family: Family, served: ServedModels) -> FamilyView:
    """Describe a family and its four slots."""
    snapshot = served.snapshot
    opponent = opponent_of(family)
    slots: dict[str, SlotView | None] = {alias: slot_view(Slot(family, alias), snapshot) for alias in ALIASES}
    faults = {str(slot): failure.reason for slot, failure in snapshot.failures.items() if slot.family == family}
    moments = [view.loaded_at for view in slots.values() if view and view.loaded_at]
    production = slots["Production"]
    return FamilyView(
        name=REGISTERED_NAMES[family],
        description=f"{opponent.display_name}, predicts the player's next move",
        policy=opponent.policy,
        loaded=any(slots.values()),
        info={} if production is None else {"version": production.version, "run_id": production.run_id},
        usage=Usage(
            last_source=served.last_source,
            last_error=next(iter(faults.values()), served.last_problem),
            last_updated=max(moments, default=None),
            details=faults,
        ),
        aliases=slots,
    )


def all_families(served: ServedModels) -> dict[str, FamilyView]:
    """Describe every family; the asset graph compares this with the registry."""
    return {family: family_view(family, served) for family in FAMILIES}


def alias_stages(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """Return registered name -> version -> aliases, in the format of the stages that aliases replaced."""
    stages: dict[str, dict[str, str]] = {REGISTERED_NAMES[family]: {} for family in FAMILIES}
    for slot, model in snapshot.slots.items():
        held = stages[REGISTERED_NAMES[slot.family]]
        version = f"v{model.identity.version}"
        held[version] = f"{held[version]}, {slot.alias}" if version in held else slot.alias
    return stages


def production_models(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Return the model that each family serves at the alias Production."""
    return {
        REGISTERED_NAMES[family]: {
            "version": model.identity.version,
            "run_id": model.identity.run_id,
            "stage": "Production",
            "status": "READY",
        }
        for family in FAMILIES
        if (model := snapshot.slots.get(Slot(family, "Production"))) is not None
    }


def reload_reply(report: RefreshReport, comparison: Comparison | None = None) -> ReloadReply:
    """Describe the outcome of a refresh, and how the registry differs from what it loaded."""
    errors = {str(slot): reason for slot, reason in report.failed.items()}
    if report.problem:
        message = f"nothing was loaded: {report.problem}"
    elif errors:
        message = f"{len(errors)} slots failed and keep their models: {'; '.join(errors.values())}"
    else:
        message = f"{len(report.loaded)} slots were loaded"
    if report.cache_index is not None and report.source == "cache":
        message += f"; from the cache of {report.cache_index.written_at:%Y-%m-%d %H:%M:%S} UTC"
    if comparison is not None:
        message += f"; {comparison.summary}"
    return ReloadReply(
        success=report.complete,
        reloaded=[str(slot) for slot in report.loaded],
        failed=list(errors),
        emptied=[str(slot) for slot in report.emptied],
        errors=errors,
        message=message,
        loaded_from=report.source,
        cache_written_at=report.cache_index.written_at if report.cache_index and report.source == "cache" else None,
        registry_differences=None if comparison is None else comparison.differences,
    )


def _model_view(model: LoadedModel, slot: Slot, snapshot: Snapshot) -> SlotView:
    manifest = model.manifest
    return struct_from(
        SlotView,
        manifest,
        version=model.identity.version,
        run_id=model.identity.run_id,
        dataset_fingerprint=manifest.dataset.fingerprint,
        training_examples=manifest.dataset.examples,
        training_games=manifest.dataset.games,
        metrics=dict(manifest.metrics),
        trained_at=manifest.created_at,
        loaded_at=snapshot.loaded_at.get(slot),
    )
