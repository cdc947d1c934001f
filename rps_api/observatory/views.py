"""The parts of the observatory's reply, from snapshots and totals. Pure functions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rps_api.inference.model import LoadedModel
from rps_api.inference.snapshot import Snapshot
from rps_api.observatory import schemas as views
from rps_core.cache import CacheIndex
from rps_core.game.families import ALIASES, SLOTS, Alias, Family, Slot
from rps_core.game.opponents import opponent_of
from rps_core.game.rules import ChoiceRule
from rps_core.promotion.forecast import Forecast, course_of, forecast, pairs_a_day
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.policy import CHALLENGERS, judged_comparison
from rps_core.promotion.progress import comparison_progress
from rps_core.promotion.reasons import forecast_sentence, standing_sentence
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import PromotionRules, counted_players
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.promotion.statistics import wilson_interval
from rps_core.store.analytics.chances import Chances
from rps_core.store.reports import Report
from rps_core.structs import struct_from

MINUTES = 60

Records = Mapping[Family, Mapping[str, VersionRecord]]


def rate(hits: int, trials: int) -> views.Rate | None:
    """Return a rate with its Wilson interval; None without trials.

    Raises:
        ValueError: the counts are not 0 <= hits <= trials.
    """
    low, high = wilson_interval(hits, trials)
    if trials == 0:
        return None
    return views.Rate(hits=hits, trials=trials, rate=hits / trials, low=low, high=high)


def last_minutes(counts: Mapping[str, int], now: datetime) -> list[int]:
    """Return counts by minute (``2026-11-25T12:03``, UTC) as the last sixty, oldest first."""
    minutes = (now - timedelta(minutes=ago) for ago in reversed(range(MINUTES)))
    return [counts.get(minute.isoformat(timespec="minutes")[:16], 0) for minute in minutes]


def slot_state(slot: Slot, snapshot: Snapshot, records: Records) -> views.SlotState:
    """Describe a slot."""
    model = snapshot.slots.get(slot)
    manifest = model.manifest if model else None
    record = _record_of(slot.family, model, records)
    return views.SlotState(
        family=slot.family,
        alias=slot.alias,
        policy=opponent_of(slot.family).policy,
        version=model.identity.version if model else None,
        run_id=model.identity.run_id if model else None,
        configuration_id=manifest.configuration_id if manifest else None,
        trained_at=manifest.created_at if manifest else None,
        loaded_at=snapshot.loaded_at.get(slot),
        training_games=manifest.dataset.games if manifest else None,
        training_examples=manifest.dataset.examples if manifest else None,
        test_accuracy=manifest.metrics.get("test_accuracy") if manifest else None,
        test_log_loss=manifest.metrics.get("test_log_loss") if manifest else None,
        accuracy=rate(record.correct, record.predictions),
    )


def slot_contents(family: Family, snapshot: Snapshot) -> dict[Alias, SlotContent]:
    """Return the content of each filled slot of a family."""
    held = {alias: model for alias in ALIASES if (model := snapshot.slots.get(Slot(family, alias)))}
    return {
        alias: SlotContent(model.identity.version, model.manifest.configuration_id, model.manifest.dataset.fingerprint)
        for alias, model in held.items()
    }


def family_state(
    family: Family,
    standing: Standing,
    history: Sequence[LedgerEntry],
    rules: PromotionRules,
    interval: timedelta,
    now: datetime,
) -> views.FamilyState:
    """Describe the comparison of a family as the next promotion cycle would see it.

    Args:
        family: the family.
        standing: what the next cycle would decide by.
        history: the entries of its ledger, newest first.
        rules: the rules of the decision.
        interval: time between two decisions.
        now: the current time.
    """
    counted, opponent = counted_players(standing.counts, rules), opponent_of(family)
    counts, progress = counted.counts, comparison_progress(counted, rules)
    judged = judged_comparison(standing.comparison, progress)
    expected = Forecast(None, None)
    if judged is not None:
        expected = forecast(progress, pairs_a_day(course_of(history, judged, now), judged.started_at), now)
    decided_at = next((entry.created_at for entry in history), None)
    return views.FamilyState(
        family=family,
        policy=opponent.policy,
        opponent=opponent.display_name,
        production=_contestant(
            standing.slots.get("Production"), counts.production_wins, counts.production_games, counts.production_ties
        ),
        b=_contestant(standing.slots.get("B"), counts.b_wins, counts.b_games, counts.b_ties),
        progress=progress,
        comparison=judged,
        standing=standing_sentence(standing, progress, counted, rules),
        still_needed=forecast_sentence(progress, expected) if judged is not None else "",
        next_decision_at=decided_at + interval if decided_at is not None else None,
        challengers=_challengers(standing, rules),
    )


def opponent_state(policy: str, rule: ChoiceRule, chances: Chances) -> views.OpponentState:
    """Describe an opponent by its newest finished games."""
    found = next((result for result in chances.opponents if result.policy == policy), None)
    return views.OpponentState(
        policy=policy,
        choice_rule=rule,
        games=0 if found is None else found.games,
        win_rate=None if found is None else rate(found.wins, found.decided),
        expected=None if found is None else found.expected,
    )


def ledger_event(entry: LedgerEntry) -> views.LedgerEvent:
    """Describe a decision with the slots that it changed."""
    return struct_from(
        views.LedgerEvent,
        entry,
        at=entry.created_at,
        family=entry.model_type,
        moves=[struct_from(views.SlotChange, slot) for slot in entry.alias_assignments if slot.changed],
    )


def cache_state(index: CacheIndex | None, snapshot: Snapshot) -> views.CacheState:
    """Describe the cache; the index is None if it cannot be read or was never written."""
    if index is None:
        return views.CacheState(readable=False, written_at=None, entries=[])
    served = {slot: model.identity for slot, model in snapshot.slots.items()}
    entries = [
        struct_from(views.CacheContent, entry, served=served.get(entry.slot) == entry.identity)
        for entry in sorted(index.entries, key=lambda entry: SLOTS.index(entry.slot))
    ]
    return views.CacheState(readable=True, written_at=index.written_at, entries=entries)


def serving_state(snapshot: Snapshot, source: str | None, *, forced_fallback: bool) -> views.Serving:
    """Describe the served models, without the reasons of failures: those may name hosts and folders."""
    return views.Serving(
        source=source,
        filled=len(snapshot.slots),
        slots=len(SLOTS),
        failing=[str(slot) for slot in SLOTS if slot in snapshot.failures],
        unloaded=[str(slot) for slot in SLOTS if slot in snapshot.unloaded],
        forced_fallback=forced_fallback,
    )


def dataset_state(snapshot: Snapshot) -> views.DatasetState | None:
    """Describe the dataset of the newest served model; None while no model is served."""
    manifests = [model.manifest for model in snapshot.slots.values()]
    if not manifests:
        return None
    newest = max(manifests, key=lambda manifest: manifest.created_at)
    return struct_from(views.DatasetState, newest.dataset, trained_at=newest.created_at)


def disk_use(report: Report | None) -> views.DiskUse | None:
    """Describe the newest measurement of the disk; None before the first."""
    return None if report is None else views.DiskUse(measured_at=report.created_at, bytes=report.payload["bytes"])


def _record_of(family: Family, model: LoadedModel | None, records: Records) -> VersionRecord:
    return VersionRecord() if model is None else records[family].get(model.identity.version, VersionRecord())


def _contestant(content: SlotContent | None, wins: int, games: int, ties: int) -> views.Contestant:
    return views.Contestant(
        version=content.version if content else None,
        configuration_id=content.configuration if content else None,
        ties=ties,
        win_rate=rate(wins, games),
    )


def _challengers(standing: Standing, rules: PromotionRules) -> list[views.Challenger]:
    held = [alias for alias in CHALLENGERS if alias in standing.slots]
    return [
        views.Challenger(
            rank=rank,
            alias=alias,
            version=standing.slots[alias].version,
            configuration_id=standing.slots[alias].configuration,
            accuracy_at_least=standing.accuracies[alias].accuracy_at_least,
            predictions=standing.accuracies[alias].predictions,
            predictions_needed=rules.min_predictions,
        )
        for rank, alias in enumerate(held, start=1)
    ]
