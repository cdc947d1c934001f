"""The partitionings of the graph: the four aliases of each model family, the twelve configurations of each."""

import dagster as dg

from rps_assets.training.parameters import configurations
from rps_core.game.families import ALIASES, FAMILIES, Family

ALIAS_PARTITIONS = dg.StaticPartitionsDefinition(list(ALIASES))

# One run over all aliases. As four runs it would cost four process starts, as a backfill half a minute of waiting.
ALL_ALIASES_TAGS = {
    "dagster/asset_partition_range_start": ALIASES[0],
    "dagster/asset_partition_range_end": ALIASES[-1],
}

CONFIGURATION_PARTITIONS: dict[Family, dg.StaticPartitionsDefinition] = {
    family: dg.StaticPartitionsDefinition([one.id for one in configurations().values() if one.family == family])
    for family in FAMILIES
}
