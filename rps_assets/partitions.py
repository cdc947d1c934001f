"""The one partitioning of the graph: the four aliases of each model family."""

import dagster as dg

from rps_core.families import ALIASES

ALIAS_PARTITIONS = dg.StaticPartitionsDefinition(list(ALIASES))

# One run over all aliases. As four runs it would cost four process starts, as a backfill half a minute of waiting.
ALL_ALIASES_TAGS = {
    "dagster/asset_partition_range_start": ALIASES[0],
    "dagster/asset_partition_range_end": ALIASES[-1],
}
