"""Which games train models, when, and how."""

from datetime import UTC, datetime
from typing import ClassVar

from rps_core.settings.section import MAX_COUNT, MAX_SECONDS, Moment, Section, setting


class TrainingSettings(Section):
    """Which games train models, when, and how."""

    title: ClassVar[str] = "Training"

    training_data_since: Moment = setting(
        "TRAINING_DATA_SINCE_DATE",
        datetime(2025, 10, 1, tzinfo=UTC),
        "Games created before this time are not used for training.",
    )
    training_scripted_game_stride: int = setting(
        "TRAINING_LEGACY_GAME_STRIDE", 5, "Use every n-th scripted game, newest first; 1 uses all.", ge=1, le=MAX_COUNT
    )
    training_include_recordings: bool = setting(
        "TRAINING_INCLUDE_RECORDINGS", False, "Also train on imported recordings of other games."
    )
    training_simulated_games: int = setting(
        "TRAINING_SIMULATED_GAMES",
        3000,
        "Games of simulated people that models also learn from; they weigh less as people play. 0 uses none.",
        ge=0,
        le=100_000,
    )
    max_usable_rows: int = setting(
        "MAX_USABLE_ROWS", 30_000, "Most examples that a training uses.", ge=200, le=MAX_COUNT
    )
    min_examples: int = setting("MIN_SUP_ROWS", 200, "Fewest examples that a training needs.", ge=30, le=MAX_COUNT)
    min_new_examples: int = setting(
        "MIN_NEW_ROWS_FOR_TRAINING", 50, "New examples after which a retraining starts.", ge=1, le=MAX_COUNT
    )
    min_total_examples: int = setting(
        "MIN_TOTAL_ROWS", 300, "Examples after which the first training starts.", ge=1, le=MAX_COUNT
    )
    training_interval_seconds: int = setting(
        "TRAINING_INTERVAL_SECONDS",
        1800,
        "Shortest time between two retrainings, and between two promotion cycles, in seconds.",
        ge=0,
        le=MAX_SECONDS,
    )
    training_seed: int = setting("TRAINING_SEED", 42, "Seed of all random draws in training.", ge=0, le=2**31 - 1)
    training_threads: int = setting(
        "TRAINING_THREADS", 1, "Threads per fit; more than one slows a busy machine.", ge=1, le=1_024
    )
    step_pods: bool = setting(
        "RPS_STEP_PODS", False, "On Kubernetes: run each step of a run in a separate pod with separate resources."
    )
