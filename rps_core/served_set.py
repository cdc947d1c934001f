"""Comparison of registry, model cache and API: which model each of them has in which slot."""

from collections.abc import Iterable, Mapping

from rps_core.cache import CacheEntry
from rps_core.game.families import SLOTS, Slot
from rps_core.store.games import ModelIdentity


def models_by_slot(entries: Iterable[CacheEntry]) -> dict[Slot, ModelIdentity]:
    """Return the model that each cache entry puts into its slot."""
    return {entry.slot: ModelIdentity(entry.version, entry.run_id) for entry in entries}


def slot_differences(
    registry: Mapping[Slot, ModelIdentity], other: Mapping[Slot, ModelIdentity], other_name: str
) -> list[str]:
    """Return a sentence for each slot in which another place does not have the registry's model."""
    return [
        f"{slot}: the registry has {_describe(registry.get(slot))}, {other_name} has {_describe(other.get(slot))}"
        for slot in SLOTS
        if registry.get(slot) != other.get(slot)
    ]


def _describe(model: ModelIdentity | None) -> str:
    return f"version {model.version} (run {model.run_id[:8]})" if model else "nothing"
