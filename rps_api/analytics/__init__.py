"""Statistics for players, dashboards and data scientists. `rps_core.store.analytics` has the queries."""

from rps_api.analytics.controller import ANALYTICS_HANDLERS

__all__ = ("ANALYTICS_HANDLERS",)
