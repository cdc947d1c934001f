"""The three sensors of the loop: each gathers numbers, asks `decisions`, and says what it did in a sentence."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Engine, func, select

from rps_assets.assets import keys
from rps_assets.assets.gameplay import rounds_metadata
from rps_assets.assets.partitions import ALL_ALIASES_TAGS
from rps_assets.automation.decisions import (
    Comparison,
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
from rps_assets.automation.history import last_materialised, last_trained, loop_runs
from rps_assets.automation.jobs import promote_and_serve_job, train_models_job, whole_loop_job
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.serving.publication import servable_entries
from rps_core.api_client import ApiClient, ApiError
from rps_core.cache import CacheEntry, ModelCache
from rps_core.errors import CacheError
from rps_core.game.families import FAMILIES, Family
from rps_core.promotion.records import VersionRecord, records_by_version
from rps_core.served_set import models_by_slot, slot_differences
from rps_core.settings import Settings
from rps_core.store.analytics import gameplay_counts, version_performance
from rps_core.store.counting import counts_for_promotion
from rps_core.store.ledger import PromotionLedger
from rps_core.store.schema import games as games_table

if TYPE_CHECKING:
    import polars as pl

# The daemon looks every five seconds; anything shorter is the same.
INTERVAL_SECONDS = 5
REASON_TAG = "rps/reason"


@dg.sensor(
    name="gameplay_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports gameplay/rounds as materialised when new rounds were played.",
)
def gameplay_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
) -> dg.SensorResult | dg.SkipReason:
    """Compare the newest round with the one reported last; the cursor is its id."""
    with gameplay_store.connect() as connection:
        counts = gameplay_counts(connection)
    if counts.rounds == 0:
        return dg.SkipReason("no round was played yet")
    if context.cursor == str(counts.last_round_id):
        return dg.SkipReason(f"no new round since round {counts.last_round_id}; the store holds {counts.rounds}")
    report = dg.AssetMaterialization(keys.ROUNDS, metadata=rounds_metadata(counts, settings))
    return dg.SensorResult(asset_events=[report], cursor=str(counts.last_round_id))


@dg.sensor(
    name="training_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    jobs=[train_models_job, whole_loop_job],
    description="Starts a retraining in one run when there are enough new usable examples. A family whose B is about "
    "to take Production's place is left out for a while.",
)
def training_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    model_registry: dg.ResourceParam[ModelRegistry],
) -> dg.RunRequest | dg.SkipReason:
    """Count usable examples and decide; what a training would end is looked at when one is due."""
    now = datetime.now(UTC)
    trained = last_trained(context.instance)
    since = min(one.at for one in trained.values()) if trained else None
    runs = loop_runs(context.instance, [keys.LOOP_TRAINING], keys.LOOP_TRAINING, since, now)
    kept = read_kept_games(gameplay_store, settings)
    if trained is None:
        # Before anything is served, one run does everything: a second one would cost the player another ten seconds.
        decision = decide_first_training(summed_gameplay(gameplay_store, kept), runs, now, settings)
        return _request(decision, whole_loop_job.name, ALL_ALIASES_TAGS)
    families = {
        family: FamilyTraining(one.at, examples_since(kept, one.last_game_at)) for family, one in trained.items()
    }
    due = decide_retraining(families, runs, now, settings)
    if isinstance(due, RunIt):
        comparisons = open_comparisons(model_registry, gameplay_store, settings, due.families)
        due = decide_holding(due, families, comparisons, now, settings)
    return _request(due, train_models_job.name, ALL_ALIASES_TAGS)


@dg.sensor(
    name="serving_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    job=promote_and_serve_job,
    description="Decides promotions and brings cache and API up to date: after a training, when a promotion cycle is "
    "due, and when registry, cache and API differ.",
)
def serving_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    model_registry: dg.ResourceParam[ModelRegistry],
    model_cache: dg.ResourceParam[ModelCache],
    api: dg.ResourceParam[ApiClient],
) -> dg.RunRequest | dg.SkipReason:
    """Compare registry, cache, API and ledger and decide."""
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
    return _request(decide_serving(state, runs, now, settings), promote_and_serve_job.name, {})


def read_kept_games(store: Engine, settings: Settings) -> "pl.DataFrame":
    """Return the games that a training would use: the gates count what the selection keeps, not rows of the store."""
    from rps_assets.datasets.selection import kept_games, plan_training_games, read_games

    with store.connect() as connection:
        games = read_games(
            connection,
            settings.training.training_data_since,
            include_recordings=settings.training.training_include_recordings,
        )
    return kept_games(
        plan_training_games(
            games,
            settings.training.training_data_since,
            settings.training.training_scripted_game_stride,
            settings.training.max_usable_rows,
        )
    )


def examples_since(kept: "pl.DataFrame", trained_until: datetime) -> int:
    """Return the examples of the kept games that are newer than the last trained one."""
    return int(kept.filter(kept["created_at"] > trained_until)["examples"].sum())


def summed_gameplay(store: Engine, kept: "pl.DataFrame") -> Gameplay:
    """Return what the first training asks."""
    with store.connect() as connection:
        counts = gameplay_counts(connection)
    return Gameplay(
        examples=int(kept["examples"].sum()),
        finished_games=counts.finished_games,
        first_game_at=kept["created_at"].min(),  # type: ignore[arg-type]  # a column of datetimes
        last_round_at=counts.last_round_at,
    )


def open_comparisons(
    registry: ModelRegistry, store: Engine, settings: Settings, families: Iterable[Family]
) -> dict[Family, Comparison]:
    """Return what Production and B of each family achieved; a family without both versions is left out."""
    with store.connect() as connection:
        rows = version_performance(connection)
    found = {}
    for family in families:
        held = registry.aliases(family)
        if {"Production", "B"} <= held.keys():
            records = records_by_version(rows, family, settings.promotion.promotion_player_kinds)
            b, production = (records.get(held[alias], VersionRecord()) for alias in ("B", "Production"))
            found[family] = Comparison(b.wins, b.decided_games, production.wins, production.decided_games)
    return found


def promotion_progress(store: Engine) -> tuple[datetime | None, int]:
    """Return when the ledger got its newest entry, and how many games that count for promotion finished since."""
    newest = PromotionLedger(store).history(limit=1)
    decided_at = newest[0].created_at if newest else None
    query = select(func.count()).where(counts_for_promotion())
    if decided_at is not None:
        query = query.where(games_table.c.finished_ts > decided_at)
    with store.connect() as connection:
        return decided_at, int(connection.execute(query).scalar_one())


def observe_drift(registry: ModelRegistry, cache: ModelCache, api: ApiClient) -> tuple[tuple[str, ...], str | None]:
    """Return how cache and API differ from the registry, and why the API could not be asked, if it could not."""
    entries, _ = servable_entries(registry.aliased_versions())
    drift = list(cache_differences(entries, cache))
    try:
        drift += slot_differences(models_by_slot(entries), api.served_models(), "the API")
    except ApiError as error:
        return tuple(drift), str(error)
    return tuple(drift), None


def cache_differences(entries: Iterable[CacheEntry], cache: ModelCache) -> list[str]:
    """Return one sentence for each slot whose entry in the cache index is not the registry's."""
    try:
        index = cache.read_index()
    except CacheError as error:
        return [str(error)]
    wanted, held = set(entries), set(index.entries if index else ())
    return [f"cache {slot}" for slot in sorted({str(entry.slot) for entry in wanted ^ held})]


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
    """Return the assets of the job that run; None is all of them."""
    if decision.mirror_only:
        return [keys.MODEL_CACHE, keys.SERVED_MODELS]
    if len(decision.families) < len(FAMILIES):
        return [keys.TRAINING_GAMES, keys.DATASET, *(keys.MODELS[family] for family in decision.families)]
    return None


SENSORS: list[Any] = [gameplay_sensor, training_sensor, serving_sensor]
