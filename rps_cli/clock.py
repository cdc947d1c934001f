"""Whether the clock of this machine lets new games count."""

from datetime import datetime

from rps_core.settings import Settings


def early_clock(settings: Settings, now: datetime) -> str | None:
    """Return why games played `now` would count nowhere, or None if they count."""
    limits = (
        ("TRAINING_DATA_SINCE_DATE", settings.training.training_data_since, "train no models"),
        ("METRICS_SINCE_DATE", settings.operations.metrics_since, "do not count in statistics"),
    )
    for variable, since, effect in limits:
        if now < since:
            shown = f"the clock of this machine shows {now:%Y-%m-%d %H:%M} UTC, which is before {variable}"
            return f"{shown} ({since:%Y-%m-%d %H:%M}), so new games {effect}"
    return None
