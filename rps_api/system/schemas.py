"""What the health endpoints answer."""

from typing import Any

import msgspec


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    ok: bool


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether games can be played.

    Attributes:
        reasons: why not.
        degraded: what works worse than it should, like a slot without a model.
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
    """Counters by name, each the sum over its labels."""

    status: str
    counters: dict[str, float]


class ModelState(msgspec.Struct, frozen=True, kw_only=True):
    """The served set as a developer wants it."""

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
