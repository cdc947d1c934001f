"""The set of models that is served at one moment, and the plan of the next set. Plain data, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from rps_api.inference.model import LoadedModel
from rps_core.cache import CacheEntry
from rps_core.game.families import SLOTS, Family, ModelIdentity, Slot

# Two retrainings of twelve models: a game takes minutes, and retrainings are half an hour apart. Twelve take 25 MB.
MAX_REPLACED_MODELS = 24
MAX_BACKOFF_DOUBLINGS = 6

ModelKey: TypeAlias = tuple[Family, ModelIdentity]


class SlotFailure(NamedTuple):
    """Why a slot could not be loaded, how often in a row, and when to try again."""

    reason: str
    attempts: int
    failed_at: datetime
    retry_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """The served models at one moment; immutable.

    Attributes:
        slots: the model in each filled slot.
        loaded_at: when each filled slot got its model.
        replaced: models that left their slots, oldest first; they finish the games that they began.
        failures: slots whose last load failed; they may still hold an older model.
        unloaded: slots that an operator emptied; they stay empty until a load is requested.
    """

    slots: Mapping[Slot, LoadedModel] = field(default_factory=lambda: MappingProxyType({}))
    loaded_at: Mapping[Slot, datetime] = field(default_factory=lambda: MappingProxyType({}))
    replaced: Mapping[ModelKey, LoadedModel] = field(default_factory=lambda: MappingProxyType({}))
    failures: Mapping[Slot, SlotFailure] = field(default_factory=lambda: MappingProxyType({}))
    unloaded: frozenset[Slot] = frozenset()

    def find(self, family: Family, identity: ModelIdentity) -> LoadedModel | None:
        """Return the model of this identity, from any slot or among the replaced; None if it is not in memory."""
        for slot, model in self.slots.items():
            if slot.family == family and model.identity == identity:
                return model
        return self.replaced.get((family, identity))

    def with_slots(self, changed: Mapping[Slot, LoadedModel | None], now: datetime) -> "Snapshot":
        """Return the snapshot with other models (or None) in some slots; displaced models become `replaced`."""
        slots = {slot: model for slot, model in self.slots.items() if slot not in changed}
        slots |= {slot: model for slot, model in changed.items() if model is not None}
        held = {_key(model) for model in slots.values()}
        kept = {**self.replaced, **{_key(model): model for model in self.slots.values()}}
        replaced = {key: model for key, model in kept.items() if key not in held}
        newest = list(replaced)[-MAX_REPLACED_MODELS:]
        loaded_at = {slot: moment for slot, moment in self.loaded_at.items() if slot in slots}
        return replace(
            self,
            slots=MappingProxyType({slot: slots[slot] for slot in SLOTS if slot in slots}),
            loaded_at=MappingProxyType(loaded_at | {slot: now for slot in changed if slot in slots}),
            replaced=MappingProxyType({key: replaced[key] for key in newest}),
        )

    def with_failures(
        self, failed: Mapping[Slot, str], fixed: frozenset[Slot], now: datetime, backoff_seconds: float
    ) -> "Snapshot":
        """Return the snapshot with new failures, whose pause doubles each time, and without the fixed slots."""
        failures = {slot: failure for slot, failure in self.failures.items() if slot not in fixed}
        for slot, reason in failed.items():
            attempts = failures[slot].attempts + 1 if slot in failures else 1
            pause = timedelta(seconds=backoff_seconds * 2 ** min(attempts - 1, MAX_BACKOFF_DOUBLINGS))
            failures[slot] = SlotFailure(reason, attempts, now, now + pause)
        return replace(self, failures=MappingProxyType(failures))

    def without(self, slots: frozenset[Slot], now: datetime) -> "Snapshot":
        """Return the snapshot after an operator emptied slots; their models do not finish running games either."""
        dropped = {_key(model) for slot, model in self.slots.items() if slot in slots}
        emptied = self.with_slots(dict.fromkeys(slots), now)
        still_held = {_key(model) for model in emptied.slots.values()}
        return replace(
            emptied,
            replaced=MappingProxyType(
                {key: model for key, model in emptied.replaced.items() if key not in dropped - still_held}
            ),
            unloaded=self.unloaded | slots,
        )


class RefreshPlan(NamedTuple):
    """The work of a refresh: entries to load, and slots that the index no longer fills."""

    to_load: tuple[CacheEntry, ...]
    to_empty: frozenset[Slot]


def plan_refresh(
    entries: tuple[CacheEntry, ...], snapshot: Snapshot, now: datetime, *, only: frozenset[Slot], force: bool
) -> RefreshPlan:
    """Decide which slots change.

    Args:
        entries: the entries of the index.
        snapshot: the served models.
        now: the current time, which ends the pauses after failures.
        only: slots to refresh.
        force: also load slots that are unchanged, that pause after a failure or that an operator unloaded.
    """
    wanted = {entry.slot: entry for entry in entries if entry.slot in only}
    to_load = tuple(entry for entry in wanted.values() if force or _is_due(entry, snapshot, now))
    return RefreshPlan(to_load, frozenset(slot for slot in snapshot.slots if slot in only and slot not in wanted))


def _is_due(entry: CacheEntry, snapshot: Snapshot, now: datetime) -> bool:
    if entry.slot in snapshot.unloaded:
        return False
    failure = snapshot.failures.get(entry.slot)
    # If the clock was set back, `failed_at` is in the future: the pause must not grow by the difference.
    if failure is not None and failure.failed_at <= now < failure.retry_at:
        return False
    held = snapshot.slots.get(entry.slot)
    return held is None or held.identity != entry.identity


def _key(model: LoadedModel) -> ModelKey:
    return model.family, model.identity
