"""The history of the loop in the Dagster instance: materialisations and runs as plain values."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, product
from typing import Any, NamedTuple

import dagster as dg
import msgspec

from rps_assets.assets import keys
from rps_assets.assets.models import CONTRACT_METADATA, LAST_GAME_METADATA
from rps_assets.automation.decisions import LoopRuns
from rps_core.features.contract import CONTRACT_V2
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
FAILURES_READ = 20
_EPOCH = datetime.fromtimestamp(0, UTC)


class Trained(NamedTuple):
    """When a family was last trained, the creation time of its newest training game, and its feature contract."""

    at: datetime
    last_game_at: datetime
    contract_version: int = CONTRACT_V2.version


class Trainings(msgspec.Struct, frozen=True):
    """The last training of each family, and the materialisations it was read from.

    Attributes:
        newest: ids of the newest materialisations of the model assets.
        families: None until every slot was trained.
    """

    newest: tuple[int, ...] = ()
    families: dict[Family, Trained] | None = None


def last_trained(instance: dg.DagsterInstance, known: Trainings | None = None) -> Trainings:
    """Return the last complete training of each family: that of its oldest slot.

    All twelve partitions count: a family is not trained as long as the training of one alias is missing. They are read
    only if a model was materialised since `known`.
    """
    entries = _entries(instance, keys.MODELS.values())
    newest = tuple(sorted(entry.last_materialization_storage_id or 0 for entry in entries))
    if known is not None and known.newest == newest:
        return known
    return Trainings(newest, _trained_families(instance))


def _trained_families(instance: dg.DagsterInstance) -> dict[Family, Trained] | None:
    found: dict[Family, Trained] = {}
    for family, alias in product(FAMILIES, ALIASES):
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=keys.MODELS[family], asset_partitions=[alias]), limit=1
        ).records
        if not records or records[0].asset_materialization is None:
            return None
        last_game = records[0].asset_materialization.metadata.get(LAST_GAME_METADATA)
        newest = last_game.value if isinstance(last_game, dg.TimestampMetadataValue) else 0.0
        contract = records[0].asset_materialization.metadata.get(CONTRACT_METADATA)
        # Earlier releases stored no contract; they trained version 2.
        version = contract.value if isinstance(contract, dg.IntMetadataValue) else None
        trained = Trained(
            datetime.fromtimestamp(records[0].timestamp, UTC),
            datetime.fromtimestamp(newest, UTC),
            version or CONTRACT_V2.version,
        )
        oldest = min(found.get(family, trained), trained)
        found[family] = oldest._replace(
            contract_version=min(trained.contract_version, found.get(family, trained).contract_version)
        )
    return found


def last_materialised(instance: dg.DagsterInstance, *groups: Iterable[dg.AssetKey]) -> list[datetime | None]:
    """Return for each group of assets when any of them was last materialised."""
    wanted = [list(group) for group in groups]
    entries = {entry.asset_key: entry for entry in _entries(instance, chain.from_iterable(wanted))}
    times = {
        key: datetime.fromtimestamp(entry.last_materialization.timestamp, UTC)
        for key, entry in entries.items()
        if entry.last_materialization is not None
    }
    return [max((times[key] for key in group if key in times), default=None) for group in wanted]


def _entries(instance: dg.DagsterInstance, asset_keys: Iterable[dg.AssetKey]) -> list[Any]:
    return [record.asset_entry for record in instance.get_asset_records(list(asset_keys))]


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
    unfinished = instance.get_run_records(dg.RunsFilter(tags={keys.LOOP_TAG: list(busy)}, statuses=QUEUED + RUNNING))
    in_progress = [one for one in unfinished if one.dagster_run.status in QUEUED or one.create_timestamp > stale]
    lost = [
        one.create_timestamp
        for one in unfinished
        if one not in in_progress
        and one.dagster_run.tags[keys.LOOP_TAG] == failing
        and one.create_timestamp > (since or _EPOCH)
    ]
    failed = dg.RunsFilter(tags={keys.LOOP_TAG: failing}, statuses=UNSUCCESSFUL, created_after=since or _EPOCH)
    # Only the newest are read, but all are counted: the number is part of the run key and must keep growing.
    newest = [record.update_timestamp for record in instance.get_run_records(failed, limit=FAILURES_READ)]
    failures = len(newest) if len(newest) < FAILURES_READ else instance.get_runs_count(failed)
    return LoopRuns(
        in_progress=in_progress[0].dagster_run.run_id if in_progress else None,
        failures=failures + len(lost),
        last_failure_at=max([*newest, *lost], default=None),
    )
