"""Statistics, alerts, logs, captured predictions and scripted games."""

from datetime import UTC, datetime
from typing import ClassVar, Literal

from pydantic import SecretStr

from rps_core.settings.section import LocalPath, Moment, Section, setting


class OperationsSettings(Section):
    """Statistics, alerts, logs, captured predictions and scripted games."""

    title: ClassVar[str] = "Operations"

    bootstrap_games: int = setting(
        "RPS_BOOTSTRAP_GAMES", 600, "Scripted games that `rps up` plays into an empty store.", ge=0, le=100_000
    )
    scripted_games: int = setting(
        "SCRIPTED_GAMES", 48, "Games that each run of the scripted-play schedule plays.", ge=1, le=10_000
    )
    metrics_since: Moment = setting(
        "METRICS_SINCE_DATE",
        datetime(2025, 10, 10, 8, tzinfo=UTC),
        "Statistics and Prometheus counters leave out games created before this time.",
    )
    alert_webhook_url: SecretStr | None = setting(
        "RPS_ALERT_WEBHOOK_URL",
        None,
        "URL that receives a JSON POST with a `text` for each failed run and each check that starts to fail.",
    )
    log_format: Literal["auto", "json", "text"] = setting(
        "RPS_LOG_FORMAT", "auto", "Format of the API's log lines; auto means text on a terminal and json elsewhere."
    )
    capture_inference_dir: LocalPath | None = setting(
        "RPS_CAPTURE_INFERENCE_DIR",
        None,
        "Folder for predictions with their features, for debugging; nothing is written otherwise.",
    )
    capture_inference_sample_rate: float = setting(
        "RPS_CAPTURE_INFERENCE_SAMPLE_RATE", 1.0, "Share of rounds to capture; 0 or less captures none."
    )
    capture_inference_max_mb: float = setting(
        "RPS_CAPTURE_INFERENCE_MAX_MB",
        256.0,
        "Largest size of the capture folder, in MB; the oldest days are deleted first.",
        gt=0,
        le=1_000_000_000,
    )
