"""The composition root of the code location: all assets, checks, jobs, sensors, schedules and resources.

Loading it must be fast and without side effects, so it imports no training library, no MLflow and no Polars.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from rps_assets.assets.experiments import build_experiment_assets
from rps_assets.assets.features import build_features_asset
from rps_assets.assets.gameplay import ROUNDS_SPEC, scripted_games
from rps_assets.assets.maintenance import retention
from rps_assets.assets.models import build_model_assets
from rps_assets.assets.promotion import build_promotion_assets, performance
from rps_assets.assets.reports import REPORT_ASSETS
from rps_assets.assets.serving import model_cache, served_models
from rps_assets.assets.simulated_people import simulated_people
from rps_assets.assets.training_data import training_dataset, training_games
from rps_assets.automation.alert_sensors import ALERT_SENSORS
from rps_assets.automation.jobs import JOBS
from rps_assets.automation.schedules import SCHEDULES
from rps_assets.automation.sensors import SENSORS
from rps_assets.checks.data import DATA_CHECKS
from rps_assets.checks.models import build_all_model_checks
from rps_assets.checks.promotion import PROMOTION_CHECKS
from rps_assets.checks.reports import REPORT_CHECKS
from rps_assets.checks.serving import SERVING_CHECKS
from rps_assets.resources.build import build_resources
from rps_assets.resources.kubernetes import build_executor
from rps_core.settings import Settings, load_settings


def build_defs(
    *, resource_overrides: Mapping[str, Any] | None = None, settings: Settings | None = None
) -> dg.Definitions:
    """Return the definitions of the code location.

    Args:
        resource_overrides: replaces resources by key (see `rps_assets.resources.build`), for tests and tools.
        settings: the configuration; None reads it from the environment.
    """
    settings = settings or load_settings()
    return dg.Definitions(
        assets=[
            ROUNDS_SPEC,
            scripted_games,
            training_games,
            simulated_people,
            build_features_asset(settings.training.training_data_since),
            training_dataset,
            *build_model_assets(),
            *build_experiment_assets(),
            performance,
            *build_promotion_assets(),
            model_cache,
            served_models,
            *REPORT_ASSETS,
            retention,
        ],
        asset_checks=[*DATA_CHECKS, *build_all_model_checks(), *PROMOTION_CHECKS, *SERVING_CHECKS, *REPORT_CHECKS],
        jobs=JOBS,
        sensors=[*SENSORS, *ALERT_SENSORS],
        schedules=SCHEDULES,
        resources={**build_resources(settings), **(resource_overrides or {})},
        executor=build_executor(settings),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions that Dagster's tools load."""
    return build_defs()
