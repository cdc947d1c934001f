"""Replies of the health endpoints."""

from typing import Any

import msgspec


class Alive(msgspec.Struct, frozen=True):
    """The process is alive."""

    ok: bool


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether games can be played.

    Attributes:
        reasons: why games cannot be played.
        degraded: problems that do not stop play, such as a slot without a model.
    """

    ready: bool
    reasons: list[str]
    degraded: list[str]


class DetailedHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Each component with its state; `timestamp` in seconds since 1970."""

    status: str
    timestamp: float
    components: dict[str, dict[str, Any]]
    response_time_seconds: float


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Counters by name, summed over their labels."""

    status: str
    counters: dict[str, float]


class ModelState(msgspec.Struct, frozen=True, kw_only=True):
    """The served models, for debugging."""

    loaded_models: list[str]
    available_models: list[str]
    model_usage: dict[str, Any]
    ab_testing_enabled: bool
    ab_split_ratio: float
    fallback_chain_active: bool
    production_models: dict[str, Any]
    replaced_models: list[str]
    unloaded_slots: list[str]
    failures: dict[str, dict[str, Any]]
    last_problem: str | None
