"""Comparison of registry, model cache and API: which model each of them has in which slot."""

from collections.abc import Iterable, Mapping

from rps_core.cache import CacheEntry
from rps_core.game.families import SLOTS, ModelIdentity, Slot


def models_by_slot(entries: Iterable[CacheEntry]) -> dict[Slot, ModelIdentity]:
    """Return the model that each cache entry puts into its slot."""
    return {entry.slot: entry.identity for entry in entries}


def slot_differences(
    registry: Mapping[Slot, ModelIdentity], other: Mapping[Slot, ModelIdentity], other_name: str
) -> list[str]:
    """Return a sentence for each slot in which another place does not have the registry's model."""
    return [
        f"{slot}: the registry has {registry.get(slot) or 'nothing'}, {other_name} has {other.get(slot) or 'nothing'}"
        for slot in SLOTS
        if registry.get(slot) != other.get(slot)
    ]
