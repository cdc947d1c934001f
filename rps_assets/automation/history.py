"""What the Dagster instance remembers of the loop: materialisations and runs, read into plain values."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from rps_assets import keys
from rps_assets.automation.decisions import LoopRuns
from rps_assets.models import LAST_GAME_METADATA

IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
UNSUCCESSFUL = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# A run whose process was killed together with the daemon stays "started"; it must not stop the loop for ever.
STALE_RUN_SECONDS = 3600
_EPOCH = datetime.fromtimestamp(0, UTC)


class Trained(NamedTuple):
    """When all families were last trained, and how new the games were that trained them."""

    at: datetime
    last_game_at: datetime


def last_trained(instance: dg.DagsterInstance) -> Trained | None:
    """Return the last complete training: that of the family that lags behind; None if a family was never trained."""
    found = []
    for key in keys.MODELS.values():
        event = instance.get_latest_materialization_event(key)
        if event is None or event.asset_materialization is None:
            return None
        last_game = event.asset_materialization.metadata.get(LAST_GAME_METADATA)
        newest = last_game.value if isinstance(last_game, dg.TimestampMetadataValue) else 0.0
        found.append(Trained(datetime.fromtimestamp(event.timestamp, UTC), datetime.fromtimestamp(newest, UTC)))
    return min(found)


def last_materialised(instance: dg.DagsterInstance, asset_keys: Iterable[dg.AssetKey]) -> datetime | None:
    """Return when any of the assets was last materialised."""
    events = (instance.get_latest_materialization_event(key) for key in asset_keys)
    return max((datetime.fromtimestamp(event.timestamp, UTC) for event in events if event), default=None)


def loop_runs(
    instance: dg.DagsterInstance, busy: Sequence[str], failing: str, since: datetime | None, now: datetime
) -> LoopRuns:
    """Read the runs of the loop.

    Args:
        instance: where they are stored.
        busy: loops whose queued or running runs count as in progress.
        failing: loop whose unsuccessful runs are counted.
        since: when this loop last succeeded; earlier failures are forgotten.
        now: the present.
    """
    fresh = now - timedelta(seconds=STALE_RUN_SECONDS)
    running = instance.get_run_records(
        dg.RunsFilter(tags={keys.LOOP_TAG: list(busy)}, statuses=IN_PROGRESS, created_after=fresh), limit=1
    )
    failed = instance.get_run_records(
        dg.RunsFilter(tags={keys.LOOP_TAG: failing}, statuses=UNSUCCESSFUL, created_after=since or _EPOCH), limit=20
    )
    return LoopRuns(
        in_progress=running[0].dagster_run.run_id if running else None,
        failures=len(failed),
        last_failure_at=max((record.update_timestamp for record in failed), default=None),
    )
