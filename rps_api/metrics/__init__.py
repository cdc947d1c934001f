"""Prometheus series that are derived from the gameplay store; those of the process are in `rps_api.metrics.process`."""

from rps_api.metrics.collector import GameplayCollector

__all__ = ("GameplayCollector",)
