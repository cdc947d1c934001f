"""The named jobs. The jobs of the loop carry a tag by which the sensors find their runs."""

from typing import Any

import dagster as dg
from dagster import AssetSelection

from rps_assets.assets import keys
from rps_assets.automation.manual_jobs import MANUAL_JOBS

_TRAINING = AssetSelection.assets(keys.SIMULATED_PEOPLE, keys.TRAINING_GAMES, keys.DATASET, *keys.MODELS.values())
_SERVING = AssetSelection.assets(keys.PERFORMANCE, *keys.PROMOTIONS.values(), keys.MODEL_CACHE, keys.SERVED_MODELS)

train_models_job = dg.define_asset_job(
    "train_models",
    selection=_TRAINING,
    tags={keys.LOOP_TAG: keys.LOOP_TRAINING},
    description="Selects games, builds the dataset and trains the twelve models.",
)
promote_and_serve_job = dg.define_asset_job(
    "promote_and_serve",
    selection=_SERVING,
    tags={keys.LOOP_TAG: keys.LOOP_SERVING},
    description="Decides the promotions, mirrors the registry into the cache and makes the API load it.",
)
play_scripted_games_job = dg.define_asset_job(
    "play_scripted_games",
    selection=AssetSelection.assets(keys.SCRIPTED_GAMES),
    description="Lets the scripted players play a session against the API.",
)
whole_loop_job = dg.define_asset_job(
    "whole_loop",
    selection=_TRAINING | _SERVING,
    tags={keys.LOOP_TAG: keys.LOOP_TRAINING},
    description="Does everything from the stored rounds to the served models in one run.",
)

# The assets of a job must have the same partitions, so each family has its own job; all families are a backfill.
experiment_jobs = [
    dg.define_asset_job(
        f"run_experiments_{family}",
        selection=AssetSelection.assets(key),
        description=f"Tries configurations of {family} on the newest dataset.",
    )
    for family, key in keys.EXPERIMENTS.items()
]
compare_experiments_job = dg.define_asset_job(
    "compare_experiments",
    selection=AssetSelection.assets(keys.COMPARISON),
    description="Ranks the configurations that were tried on the newest dataset.",
)

write_reports_job = dg.define_asset_job(
    "write_reports",
    selection=AssetSelection.assets(*keys.REPORTS),
    description="Writes the five reports about play and about the served models.",
)

clean_up_job = dg.define_asset_job(
    "clean_up",
    selection=AssetSelection.assets(keys.RETENTION),
    description="Deletes old runs, versions and datasets, and measures what everything takes on disk.",
)

JOBS: list[Any] = [train_models_job, promote_and_serve_job, play_scripted_games_job, whole_loop_job]
JOBS += [clean_up_job, write_reports_job, *experiment_jobs, compare_experiments_job, *MANUAL_JOBS]
