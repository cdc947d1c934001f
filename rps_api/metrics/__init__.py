"""Prometheus series: those of the gameplay store (`collector`) and those of the process (`process`)."""

from rps_api.metrics.collector import GameplayCollector

__all__ = ("GameplayCollector",)
