"""A sensor whose dependency does not answer yet skips its tick and says why, instead of failing with a traceback."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import dagster as dg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from rps_assets.resources.build import migrate_once
from rps_core.api_client import ApiError
from rps_core.errors import CacheError, StoreError
from rps_core.registry_server import RegistryFault
from rps_core.store.faults import unusable


def skips_while_down(tick: Callable[..., Any]) -> Callable[..., Any]:
    """Return a tick that skips while the store, the registry, the cache or the API cannot be used.

    The resource `watched_store` opens without a connection, so that this function sees the first fault.
    """

    @wraps(tick)
    def patient(context: dg.SensorEvaluationContext, watched_store: Engine, **resources: Any) -> Any:
        try:
            migrate_once(watched_store)
            return tick(context, watched_store=watched_store, **resources)
        except DBAPIError as error:
            fault: str | Exception = unusable(watched_store.url, error)
        except (ApiError, CacheError, RegistryFault, StoreError) as error:
            fault = error
        return dg.SkipReason(f"waiting for a dependency: {fault}")

    return patient
