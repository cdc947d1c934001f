"""The history of the loop in the Dagster instance: materialisations and runs as plain values."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.models import LAST_GAME_METADATA
from rps_assets.automation.decisions import LoopRuns
from rps_core.game.families import ALIASES, FAMILIES, Family

# A run may wait for its turn or for the pool as long as it takes.
QUEUED = [dg.DagsterRunStatus.QUEUED]
RUNNING = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
UNSUCCESSFUL = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# A run that was killed together with the daemon stays "started". After this time it counts as failed, so that the
# next attempt gets another run key and the loop goes on.
STALE_RUN_SECONDS = 3600
_EPOCH = datetime.fromtimestamp(0, UTC)


class Trained(NamedTuple):
    """When a family was last trained, and the creation time of its newest training game."""

    at: datetime
    last_game_at: datetime


def last_trained(instance: dg.DagsterInstance) -> dict[Family, Trained] | None:
    """Return the last complete training of each family: that of its oldest slot. None until every slot was trained.

    All twelve partitions count: a family is not trained as long as the training of one alias is missing.
    """
    found: dict[Family, Trained] = {}
    for family, alias in product(FAMILIES, ALIASES):
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=keys.MODELS[family], asset_partitions=[alias]), limit=1
        ).records
        if not records or records[0].asset_materialization is None:
            return None
        last_game = records[0].asset_materialization.metadata.get(LAST_GAME_METADATA)
        newest = last_game.value if isinstance(last_game, dg.TimestampMetadataValue) else 0.0
        trained = Trained(datetime.fromtimestamp(records[0].timestamp, UTC), datetime.fromtimestamp(newest, UTC))
        found[family] = min(found.get(family, trained), trained)
    return found


def last_materialised(instance: dg.DagsterInstance, asset_keys: Iterable[dg.AssetKey]) -> datetime | None:
    """Return when any of the assets was last materialised."""
    events = (instance.get_latest_materialization_event(key) for key in asset_keys)
    return max((datetime.fromtimestamp(event.timestamp, UTC) for event in events if event), default=None)


def loop_runs(
    instance: dg.DagsterInstance, busy: Sequence[str], failing: str, since: datetime | None, now: datetime
) -> LoopRuns:
    """Read the runs of the loop.

    Args:
        instance: stores the runs.
        busy: loops whose queued or running runs count as in progress.
        failing: loop whose unsuccessful and lost runs count as failures.
        since: when this loop last succeeded; earlier failures do not count.
        now: the current time.
    """
    stale = now - timedelta(seconds=STALE_RUN_SECONDS)
    tags = {keys.LOOP_TAG: list(busy)}
    in_progress = [
        *instance.get_run_records(dg.RunsFilter(tags=tags, statuses=QUEUED), limit=1),
        *instance.get_run_records(dg.RunsFilter(tags=tags, statuses=RUNNING, created_after=stale), limit=1),
    ]
    lost = dg.RunsFilter(
        tags={keys.LOOP_TAG: failing}, statuses=RUNNING, created_after=since or _EPOCH, created_before=stale
    )
    failed = dg.RunsFilter(tags={keys.LOOP_TAG: failing}, statuses=UNSUCCESSFUL, created_after=since or _EPOCH)
    # Only the newest are read, but all are counted: the number is part of the run key and must keep growing.
    newest = [record.update_timestamp for record in instance.get_run_records(failed, limit=20)]
    newest += [record.create_timestamp for record in instance.get_run_records(lost, limit=20)]
    return LoopRuns(
        in_progress=in_progress[0].dagster_run.run_id if in_progress else None,
        failures=instance.get_runs_count(failed) + instance.get_runs_count(lost),
        last_failure_at=max(newest, default=None),
    )
