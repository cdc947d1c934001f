"""Statistics for players, dashboards and data scientists. The questions are `rps_core.store.analytics`'."""

from rps_api.analytics.controller import ANALYTICS_HANDLERS

__all__ = ("ANALYTICS_HANDLERS",)
