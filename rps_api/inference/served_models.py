"""The served models, kept equal to the cache index without making requests wait.

Requests read one attribute, `snapshot`. The slow work (reading the cache, opening sessions) happens in `refresh`, which
replaces the attribute once the new set is complete.
"""

import ctypes
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

from rps_api.clock import Clock
from rps_api.inference.model import LoadedModel, open_model
from rps_api.inference.snapshot import RefreshPlan, Snapshot, plan_refresh
from rps_core.bundle import Bundle
from rps_core.cache import CacheEntry, CacheIndex
from rps_core.errors import RpsError
from rps_core.game.families import SLOTS, Slot

_log = logging.getLogger(__name__)
ALL_SLOTS = frozenset(SLOTS)
# A cache that takes longer than this is reported as a problem; play does not wait for it.
PATIENCE_SECONDS = 5.0


class ModelSource(Protocol):
    """A source of bundles: `rps_core.cache.ModelCache`, or the registry while the cache has no index."""

    def read_index(self) -> CacheIndex | None:
        """Return the index of the models to serve, or None if none was ever written."""

    def read_bundle(self, entry: CacheEntry) -> Bundle:
        """Return the bundle of an entry after checking it."""


class LoadObserver(Protocol):
    """A listener to the loading of models."""

    def loaded(self, model: LoadedModel, seconds: float) -> None:
        """Handle a model that was read and opened."""

    def load_failed(self, slot: Slot, reason: str) -> None:
        """Handle a slot that could not be loaded."""


class RefreshReport(NamedTuple):
    """The outcome of a refresh.

    Attributes:
        loaded: slots that got a model.
        failed: the reason for each slot that could not be loaded.
        emptied: slots that the index no longer fills.
        problem: why the index itself could not be used, or None.
        source: where the index came from, "cache" or "registry"; None with a problem.
        cache_index: the index, or None with a problem.
    """

    loaded: tuple[Slot, ...] = ()
    failed: dict[Slot, str] = {}  # noqa: RUF012 - a default that nobody changes
    emptied: tuple[Slot, ...] = ()
    problem: str | None = None
    source: str | None = None
    cache_index: CacheIndex | None = None

    @property
    def complete(self) -> bool:
        """Whether all requested models are served now."""
        return self.problem is None and not self.failed


class ServedModels:
    """The served set, with a lock that serialises its changes."""

    def __init__(
        self,
        source: ModelSource,
        clock: Clock,
        *,
        backoff_seconds: float = 30.0,
        fallback: ModelSource | None = None,
        observers: tuple[LoadObserver, ...] = (),
    ) -> None:
        self._source = source
        self._fallback = fallback
        self._clock = clock
        self._backoff_seconds = backoff_seconds
        self._observers = observers
        self._refreshing = threading.Lock()
        self.snapshot = Snapshot()
        self.last_problem: str | None = None
        self.last_source: str | None = None
        self._asked_at: float | None = None

    def refresh(self, *, only: frozenset[Slot] = ALL_SLOTS, force: bool = False) -> RefreshReport:
        """Load the models that the index names and that are not served yet; errors go into the report.

        Args:
            only: slots to refresh; the others stay unchanged.
            force: also reload served models, and load slots that failed recently or that an operator unloaded.
        """
        with self._refreshing:
            self._asked_at = time.monotonic()
            try:
                return self._refresh(only, force)
            finally:
                self._asked_at = None

    def cache_problem(self) -> str | None:
        """Return why the served models may differ from the cache (it failed, or is slow to answer), or None."""
        asked_at = self._asked_at
        waited = 0.0 if asked_at is None else time.monotonic() - asked_at
        if waited > PATIENCE_SECONDS:
            return f"the model cache has not answered completely for {waited:.0f} s"
        return self.last_problem

    def _refresh(self, only: frozenset[Slot], force: bool) -> RefreshReport:
        try:
            source, index = self._read_index()
        except RpsError as error:
            self.last_problem = str(error)
            return RefreshReport(problem=self.last_problem)
        if index is None:
            self.last_problem = "the model cache has no index yet; run `rps sync`, or materialise serving/model_cache"
            return RefreshReport(problem=self.last_problem)
        self.last_problem = None
        plan = plan_refresh(index.entries, self.snapshot, self._clock(), only=only, force=force)
        report = self._carry_out(plan, source, only if force else frozenset())
        return report._replace(source=self.last_source, cache_index=index)

    def unload(self, slots: frozenset[Slot]) -> tuple[Slot, ...]:
        """Empty slots until a load is requested; returns those that held a model."""
        with self._refreshing:
            held = tuple(slot for slot in self.snapshot.slots if slot in slots)
            self.snapshot = self.snapshot.without(slots, self._clock())
            return held

    def _read_index(self) -> tuple[ModelSource, CacheIndex | None]:
        try:
            index = self._source.read_index()
        except RpsError:
            if self._fallback is None:
                raise
            index = None
        if index is not None or self._fallback is None:
            self.last_source = "cache"
            return self._source, index
        self.last_source = "registry"
        return self._fallback, self._fallback.read_index()

    def _carry_out(self, plan: RefreshPlan, source: ModelSource, wanted_again: frozenset[Slot]) -> RefreshReport:
        loaded: dict[Slot, LoadedModel] = {}
        failed: dict[Slot, str] = {}
        for entry in plan.to_load:
            try:
                # Two slots may hold the same run, whose session is then opened once.
                loaded[entry.slot] = _same_run(entry, loaded) or self._load(entry, source, wanted_again)
            except RpsError as error:
                failed[entry.slot] = str(error)
                _log.warning("%s keeps its model: %s", entry.slot, error)
                for observer in self._observers:
                    observer.load_failed(entry.slot, str(error))
        now = self._clock()
        snapshot = self.snapshot
        if loaded or plan.to_empty:
            snapshot = snapshot.with_slots({**dict.fromkeys(plan.to_empty), **loaded}, now)
        snapshot = snapshot.with_failures(failed, frozenset(loaded) | plan.to_empty, now, self._backoff_seconds)
        self.snapshot = replace(snapshot, unloaded=snapshot.unloaded - wanted_again)
        if loaded:
            return_freed_memory()
            _log.info("serving %s", ", ".join(f"{slot} v{model.identity.version}" for slot, model in loaded.items()))
        return RefreshReport(tuple(loaded), failed, tuple(sorted(plan.to_empty)))

    def _load(self, entry: CacheEntry, source: ModelSource, wanted_again: frozenset[Slot]) -> LoadedModel:
        if entry.slot not in wanted_again:
            known = self.snapshot.find(entry.family, entry.identity)
            if known is not None:
                return known
        started = time.perf_counter()
        model = open_model(entry, source.read_bundle(entry))
        for observer in self._observers:
            observer.loaded(model, time.perf_counter() - started)
        return model


def return_freed_memory() -> None:
    """Return freed memory to the system; without this, the gaps that replaced models leave grow to 100 MB."""
    # Other C libraries than glibc do not keep the gaps, and have no such function.
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _same_run(entry: CacheEntry, loaded: dict[Slot, LoadedModel]) -> LoadedModel | None:
    identity = entry.identity
    return next((m for s, m in loaded.items() if s.family == entry.family and m.identity == identity), None)


class Refresher:
    """A daemon thread that calls `refresh` every few seconds."""

    def __init__(self, refresh: Callable[[], object], interval_seconds: float) -> None:
        self._refresh = refresh
        self._interval_seconds = interval_seconds
        self._stop = threading.Event()
        self._first_done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-refresher", daemon=True)

    def start(self, wait_seconds: float) -> None:
        """Start, and wait a few seconds for the first refresh, so that the first game has a model."""
        self._thread.start()
        self._first_done.wait(wait_seconds)

    def stop(self, wait_seconds: float = 5.0) -> None:
        """Stop, and wait a few seconds for a running refresh."""
        self._stop.set()
        self._thread.join(wait_seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._refresh()
            except Exception:  # noqa: BLE001 - the thread must survive any error of a storage library
                _log.exception("refreshing the models failed")
            self._first_done.set()
            self._stop.wait(self._interval_seconds)
