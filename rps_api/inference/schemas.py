"""Replies of the model endpoints."""

from datetime import datetime
from typing import Any

import msgspec


class SlotView(msgspec.Struct, frozen=True, kw_only=True):
    """The model in a slot, and what it was trained on."""

    version: str
    run_id: str
    registered_name: str
    configuration_id: str
    trained_for: str
    dataset_fingerprint: str
    training_examples: int
    training_games: int
    metrics: dict[str, float]
    trained_at: datetime
    loaded_at: datetime | None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of loading: source, errors and time."""

    last_source: str | None
    last_error: str | None
    last_updated: datetime | None
    details: dict[str, str]


class FamilyView(msgspec.Struct, frozen=True, kw_only=True):
    """A family and its four slots; an empty slot is null."""

    name: str
    description: str
    policy: str
    loaded: bool
    info: dict[str, Any]
    usage: Usage
    aliases: dict[str, SlotView | None]


class ReloadReply(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a reload. The `minio_*` fields are the original's; the asset graph now synchronises the cache.

    Attributes:
        reloaded: slots that got a model, as ``family@alias``.
        failed: slots that kept their old model; `errors` gives the reasons.
        emptied: slots that the index no longer fills.
        loaded_from: "cache", or "registry" while the cache has no index.
        cache_written_at: when the cache was last synchronised with the registry.
        registry_differences: one sentence for each slot in which registry and cache differ until the next sync; null if
            the registry was not compared, and `message` says why.
    """

    success: bool
    reloaded: list[str]
    failed: list[str]
    emptied: list[str]
    errors: dict[str, str]
    message: str
    loaded_from: str | None = None
    cache_written_at: datetime | None = None
    registry_differences: list[str] | None = None
    minio_sync_success: bool = True
    minio_synced: int = 0
    minio_skipped: int = 0
    minio_errors: int = 0


class SlotReloadReply(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of reloading one slot."""

    success: bool
    model_type: str
    alias: str
    info: SlotView | None
    message: str
    minio_sync_success: bool = True


class LoadReply(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of loading a family."""

    success: bool
    model_type: str
    info: dict[str, Any]
    message: str


class UnloadReply(msgspec.Struct, frozen=True, kw_only=True):
    """The slots that were emptied."""

    success: bool
    model_type: str
    unloaded: list[str]
    message: str


class AbStats(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of games by playing alias, counted in the store; wins are the bot's."""

    ab_testing_enabled: bool
    split_ratio: float
    per_model_split_ratios: dict[str, float]
    total_requests: int
    model_a_requests: int
    model_b_requests: int
    model_a_wins: int
    model_b_wins: int
    mode: str
    description: str
