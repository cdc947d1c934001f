"""The three sensors of the loop. Each collects figures, asks `decisions`, and reports its decision in a sentence."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Engine

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
    decide_holding,
    decide_retraining,
    decide_serving,
)
from rps_assets.automation.history import Trained, last_materialised, last_trained, loop_runs
from rps_assets.automation.jobs import promote_and_serve_job, train_models_job, whole_loop_job
from rps_assets.promotion.progress import open_comparisons, promotion_progress
from rps_assets.resources.typed import Api, Cache, Operations, Promotion, Registry, Services, Store, Training
from rps_assets.serving.drift import observe_drift
from rps_core.game.families import FAMILIES, Family
from rps_core.store.analytics.performance import gameplay_counts

if TYPE_CHECKING:
    import polars as pl

# The daemon evaluates sensors every five seconds, so a shorter interval changes nothing.
INTERVAL_SECONDS = 5
REASON_TAG = "rps/reason"


@dg.sensor(
    name="gameplay_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports gameplay/rounds as materialised when new rounds were played.",
)
def gameplay_sensor(
    context: dg.SensorEvaluationContext, service_settings: Services, gameplay_store: Store
) -> dg.SensorResult | dg.SkipReason:
    """Compare the newest round with the last reported one; the cursor is its id."""
    with gameplay_store.connect() as connection:
        counts = gameplay_counts(connection)
    if counts.rounds == 0:
        return dg.SkipReason("no round was played yet")
    if context.cursor == str(counts.last_round_id):
        return dg.SkipReason(f"no new round since round {counts.last_round_id}; the store holds {counts.rounds}")
    report = dg.AssetMaterialization(keys.ROUNDS, metadata=rounds_metadata(counts, service_settings))
    return dg.SensorResult(asset_events=[report], cursor=str(counts.last_round_id))


@dg.sensor(
    name="training_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    jobs=[train_models_job, whole_loop_job],
    description="Starts a retraining in one run when there are enough new usable examples. A family whose B is about "
    "to take Production's place waits for a while.",
)
def training_sensor(
    context: dg.SensorEvaluationContext,
    training_settings: Training,
    promotion_settings: Promotion,
    operations_settings: Operations,
    gameplay_store: Store,
    model_registry: Registry,
) -> dg.RunRequest | dg.SkipReason:
    """Count usable examples and decide."""
    from rps_assets.datasets.training_games import read_kept_games

    now = datetime.now(UTC)
    trained = last_trained(context.instance)
    since = min(family.at for family in trained.values()) if trained else None
    runs = loop_runs(context.instance, [keys.LOOP_TRAINING], keys.LOOP_TRAINING, since, now)
    kept = read_kept_games(gameplay_store, training_settings)
    if trained is None:
        # The first run does everything up to serving: a second run would keep the player waiting ten seconds more.
        gameplay = summed_gameplay(gameplay_store, kept)
        first = decide_first_training(gameplay, runs, now, training_settings, operations_settings)
        return _request(first, whole_loop_job.name, ALL_ALIASES_TAGS)
    families = count_new_examples(kept, trained)
    due = decide_retraining(families, runs, now, training_settings)
    if isinstance(due, RunIt):
        # A training ends the open comparisons of its families, so they are read only when one is due.
        comparisons = open_comparisons(model_registry, gameplay_store, promotion_settings, due.families)
        due = decide_holding(due, families, comparisons, now, promotion_settings)
    return _request(due, train_models_job.name, ALL_ALIASES_TAGS)


@dg.sensor(
    name="serving_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    job=promote_and_serve_job,
    description="Starts a run that decides promotions and updates cache and API: after a training, when a promotion "
    "cycle is due, and when registry, cache and API differ.",
)
def serving_sensor(
    context: dg.SensorEvaluationContext,
    training_settings: Training,
    gameplay_store: Store,
    model_registry: Registry,
    model_cache: Cache,
    api: Api,
) -> dg.RunRequest | dg.SkipReason:
    """Compare registry, cache, API and ledger, and decide."""
    now = datetime.now(UTC)
    trained_at = last_materialised(context.instance, keys.MODELS.values())
    served_at = last_materialised(context.instance, [keys.SERVED_MODELS])
    runs = loop_runs(context.instance, [keys.LOOP_TRAINING, keys.LOOP_SERVING], keys.LOOP_SERVING, served_at, now)
    drift: tuple[str, ...] = ()
    api_problem = None
    if trained_at is not None and runs.in_progress is None:
        drift, api_problem = observe_drift(model_registry, model_cache, api)
    decided_at, games = promotion_progress(gameplay_store)
    state = ServingState(trained_at, served_at, decided_at, games, drift, api_problem)
    return _request(decide_serving(state, runs, now, training_settings), promote_and_serve_job.name, {})


def count_new_examples(kept: "pl.DataFrame", trained: Mapping[Family, Trained]) -> dict[Family, FamilyTraining]:
    """Return for each family when it was trained, and the examples that are newer."""
    from rps_assets.datasets.training_games import examples_since

    return {
        family: FamilyTraining(last.at, examples_since(kept, last.last_game_at)) for family, last in trained.items()
    }


def summed_gameplay(store: Engine, kept: "pl.DataFrame") -> Gameplay:
    """Return the figures that decide about the first training."""
    with store.connect() as connection:
        counts = gameplay_counts(connection)
    return Gameplay(
        examples=int(kept["examples"].sum()),
        finished_games=counts.finished_games,
        first_game_at=kept["created_at"].min(),  # type: ignore[arg-type]  # a column of datetimes
        last_round_at=counts.last_round_at,
    )


def _request(decision: RunIt | Skip, job_name: str, tags: Mapping[str, str]) -> dg.RunRequest | dg.SkipReason:
    if isinstance(decision, Skip):
        return dg.SkipReason(decision.reason)
    return dg.RunRequest(
        run_key=decision.run_key,
        job_name=job_name,
        tags={**tags, REASON_TAG: decision.reason},
        asset_selection=_selected(decision),
    )


def _selected(decision: RunIt) -> list[dg.AssetKey] | None:
    """Return the assets of the job to run, None for all."""
    if decision.mirror_only:
        return [keys.MODEL_CACHE, keys.SERVED_MODELS]
    if len(decision.families) < len(FAMILIES):
        return [keys.TRAINING_GAMES, keys.DATASET, *(keys.MODELS[family] for family in decision.families)]
    return None


SENSORS: list[Any] = [gameplay_sensor, training_sensor, serving_sensor]
