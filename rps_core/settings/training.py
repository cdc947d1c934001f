"""Which rounds train, when, and how."""

from datetime import UTC, datetime
from typing import ClassVar

from pydantic import field_validator

from rps_core.settings.section import Section, setting, to_utc


class TrainingSettings(Section):
    """Selection of training games, and when and how models are trained."""

    title: ClassVar[str] = "Training"

    training_data_since: datetime = setting(
        "TRAINING_DATA_SINCE_DATE", datetime(2025, 10, 1, tzinfo=UTC), "Games created earlier train nothing."
    )
    training_scripted_game_stride: int = setting(
        "TRAINING_LEGACY_GAME_STRIDE", 5, "Every n-th scripted game trains, newest first; 1 keeps all.", ge=1
    )
    training_include_recordings: bool = setting(
        "TRAINING_INCLUDE_RECORDINGS", False, "Let imported recordings of other games train too."
    )
    max_usable_rows: int = setting("MAX_USABLE_ROWS", 3000, "Upper bound of training examples.", ge=200)
    min_examples: int = setting("MIN_SUP_ROWS", 200, "Fewer examples than this train nothing.", ge=30)
    min_new_examples: int = setting("MIN_NEW_ROWS_FOR_TRAINING", 50, "New examples that start a retraining.", ge=1)
    min_total_examples: int = setting("MIN_TOTAL_ROWS", 300, "Examples that the first training waits for.", ge=1)
    training_interval_seconds: int = setting(
        "TRAINING_INTERVAL_SECONDS", 1800, "Shortest time between two retrainings of the loop.", ge=0
    )
    training_seed: int = setting("TRAINING_SEED", 42, "Seed of every random draw in training.", ge=0)
    training_threads: int = setting("TRAINING_THREADS", 1, "Threads of a fit; more slows a busy machine.", ge=1)
    step_pods: bool = setting(
        "RPS_STEP_PODS", False, "On Kubernetes: each step of a run in a pod of its own, with resources of its own."
    )

    @field_validator("training_data_since")
    @classmethod
    def _assume_utc(cls, value: datetime) -> datetime:
        return to_utc(value)
