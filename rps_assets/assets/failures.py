"""How deliberate errors of this product end a step: at once, with their own message, and without a retry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from rps_core.errors import RpsError


@contextmanager
def permanent(fault: type[RpsError] = RpsError) -> Iterator[None]:
    """Turn an error into a failure without a retry, because the same attempt would fail again.

    Raises:
        Failure: the body raised `fault`.
    """
    try:
        yield
    except fault as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def report_partitions(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    metadata: Mapping[str, dict[str, Any]],
    failures: Mapping[str, str],
) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
    """Report a run over several partitions.

    Args:
        context: of the run.
        key: the partitioned asset.
        metadata: of each partition that succeeded.
        failures: what failed, with the reason.

    Raises:
        Failure: something failed.
    """
    if failures:
        # MLflow already holds the results of the other partitions, so they are reported although the step fails.
        for partition, shown in metadata.items():
            yield dg.AssetMaterialization(key, partition=partition, metadata=shown)
        raise dg.Failure("; ".join(f"{name}: {fault}" for name, fault in failures.items()), allow_retries=False)
    for partition, shown in metadata.items():
        context.add_asset_metadata(shown, partition_key=partition)
    yield dg.MaterializeResult()
