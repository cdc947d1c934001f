"""The three sensors of the loop. Each collects figures, asks `decisions`, and reports its decision in a sentence."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import msgspec

from rps_assets.assets import keys
from rps_assets.assets.gameplay import rounds_metadata
from rps_assets.assets.partitions import ALL_ALIASES_TAGS
from rps_assets.automation.decisions import (
    FamilyTraining,
    Gameplay,
    RunIt,
    ServingState,
    Skip,
    decide_first_training,
    decide_retraining,
    decide_serving,
)
from rps_assets.automation.example_counts import ExampleCounts, count_examples
from rps_assets.automation.history import Trainings, last_materialised, last_trained, loop_runs
from rps_assets.automation.jobs import promote_and_serve_job, train_models_job, whole_loop_job
from rps_assets.automation.patience import skips_while_down
from rps_assets.promotion.due import family_decisions
from rps_assets.resources.typed import Api, Cache, Operations, Promotion, Registry, Services, Store, Training
from rps_assets.serving.drift import observe_drift
from rps_core.game.families import FAMILIES
from rps_core.promotion.rules import rules_of
from rps_core.store.play_counts import GameplayCounts, gameplay_counts

# The daemon looks at sensors every five seconds, and starting a tick takes Dagster much longer than the tick itself.
# Ten seconds halve that cost, and delay a training or a promotion, which take a minute, by five seconds on average.
INTERVAL_SECONDS = 10
# A report of new rounds is an event that Dagster stores, and nothing waits for it.
REPORT_INTERVAL_SECONDS = 30
REASON_TAG = "rps/reason"


class TrainingCursor(msgspec.Struct, frozen=True):
    """The cursor of the training sensor: what it read and counted last."""

    trainings: Trainings = Trainings()
    counts: ExampleCounts = ExampleCounts()


@dg.sensor(
    name="gameplay_sensor",
    minimum_interval_seconds=REPORT_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports gameplay/rounds as materialised when new rounds were played.",
)
@skips_while_down
def gameplay_sensor(
    context: dg.SensorEvaluationContext, service_settings: Services, watched_store: Store
) -> dg.SensorResult | dg.SkipReason:
    """Compare the newest round with the last reported one; the cursor is its id."""
    counts = gameplay_counts(watched_store, datetime.now(UTC))
    if counts.rounds == 0:
        return dg.SkipReason("no round was played yet")
    if context.cursor == str(counts.last_round_id):
        return dg.SkipReason(f"no new round since round {counts.last_round_id}; the store holds {counts.rounds}")
    report = dg.AssetMaterialization(keys.ROUNDS, metadata=rounds_metadata(counts, service_settings))
    said = f"reported {counts.rounds} rounds, the newest is round {counts.last_round_id}; nothing to start"
    return dg.SensorResult(skip_reason=said, asset_events=[report], cursor=str(counts.last_round_id))


@dg.sensor(
    name="training_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    jobs=[train_models_job, whole_loop_job],
    description="Starts a retraining in one run when there are enough new usable examples. A promotion decision "
    "that is due comes first.",
)
@skips_while_down
def training_sensor(
    context: dg.SensorEvaluationContext,
    training_settings: Training,
    promotion_settings: Promotion,
    operations_settings: Operations,
    watched_store: Store,
) -> dg.RunRequest | dg.SkipReason:
    """Count usable examples and decide; the cursor holds the counts, so that a tick counts only after new rounds."""
    now = datetime.now(UTC)
    known = _known(context.cursor)
    trainings = last_trained(context.instance, known.trainings)
    trained = trainings.families
    since = min(family.at for family in trained.values()) if trained else None
    runs = loop_runs(context.instance, [keys.LOOP_TRAINING], keys.LOOP_TRAINING, since, now)
    counts = count_examples(watched_store, training_settings, trained, known.counts)
    seen = TrainingCursor(trainings=trainings, counts=counts)
    if seen != known:
        context.update_cursor(msgspec.json.encode(seen).decode())
    if trained is None:
        # The first run does everything up to serving: a second run would keep the player waiting ten seconds more.
        gameplay = summed_gameplay(gameplay_counts(watched_store, now), counts)
        first = decide_first_training(gameplay, runs, now, training_settings, operations_settings)
        return _request(first, whole_loop_job.name, ALL_ALIASES_TAGS)
    families = {
        family: FamilyTraining(last.at, counts.new_examples[family], last.contract_version)
        for family, last in trained.items()
    }
    due = decide_retraining(families, runs, now, training_settings)
    if isinstance(due, RunIt):
        # Decisions are read only when a retraining is due.
        decisions = family_decisions(watched_store, rules_of(promotion_settings), now)
        due = decide_retraining(families, runs, now, training_settings, decisions)
    return _request(due, train_models_job.name, ALL_ALIASES_TAGS)


@dg.sensor(
    name="serving_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    job=promote_and_serve_job,
    description="Starts a run that decides promotions and updates cache and API: after a training, when a promotion "
    "cycle is due, and when registry, cache and API differ.",
)
@skips_while_down
def serving_sensor(
    context: dg.SensorEvaluationContext,
    training_settings: Training,
    promotion_settings: Promotion,
    watched_store: Store,
    model_registry: Registry,
    model_cache: Cache,
    api: Api,
) -> dg.RunRequest | dg.SkipReason:
    """Compare registry, cache, API and ledger, and decide."""
    now = datetime.now(UTC)
    trained_at, served_at = last_materialised(context.instance, keys.MODELS.values(), [keys.SERVED_MODELS])
    runs = loop_runs(context.instance, [keys.LOOP_TRAINING, keys.LOOP_SERVING], keys.LOOP_SERVING, served_at, now)
    drift: tuple[str, ...] = ()
    api_problem = None
    if trained_at is not None and runs.in_progress is None:
        drift, api_problem = observe_drift(model_registry, model_cache, api)
    decisions = family_decisions(watched_store, rules_of(promotion_settings), now)
    state = ServingState(trained_at, served_at, decisions, drift, api_problem)
    decision = decide_serving(state, runs, now, training_settings)
    return _request(decision, promote_and_serve_job.name, {}, serves=True)


def summed_gameplay(counts: GameplayCounts, examples: ExampleCounts) -> Gameplay:
    """Return the figures that decide about the first training."""
    return Gameplay(
        examples=examples.examples,
        finished_games=counts.finished_games,
        first_game_at=examples.first_game_at,
        last_round_at=counts.last_round_at,
    )


def _known(cursor: str | None) -> TrainingCursor:
    try:
        return msgspec.json.decode(cursor or "{}", type=TrainingCursor)
    except msgspec.DecodeError:
        # Written by another release; everything is counted again.
        return TrainingCursor()


def _request(
    decision: RunIt | Skip, job_name: str, tags: Mapping[str, str], *, serves: bool = False
) -> dg.RunRequest | dg.SkipReason:
    if isinstance(decision, Skip):
        return dg.SkipReason(decision.reason)
    return dg.RunRequest(
        run_key=decision.run_key,
        job_name=job_name,
        tags={**tags, REASON_TAG: decision.reason},
        asset_selection=_selected(decision, serves=serves),
    )


def _selected(decision: RunIt, *, serves: bool) -> list[dg.AssetKey] | None:
    """Return the assets of the job to run, None for all."""
    if decision.mirror_only:
        return [keys.MODEL_CACHE, keys.SERVED_MODELS]
    if len(decision.families) < len(FAMILIES):
        if serves:
            promotions = [keys.PROMOTIONS[family] for family in decision.families]
            return [keys.PERFORMANCE, *promotions, keys.MODEL_CACHE, keys.SERVED_MODELS]
        return [keys.TRAINING_GAMES, keys.DATASET, *(keys.MODELS[family] for family in decision.families)]
    return None


SENSORS: list[Any] = [gameplay_sensor, training_sensor, serving_sensor]
