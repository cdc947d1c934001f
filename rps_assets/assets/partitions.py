"""The partitions of the graph: the four aliases and the configurations of each model family."""

import dagster as dg

from rps_assets.training.parameters import configurations
from rps_core.game.families import ALIASES, FAMILIES, Family

ALIAS_PARTITIONS = dg.StaticPartitionsDefinition(list(ALIASES))

# One run over all aliases: four runs would start four processes, and a backfill would wait half a minute.
ALL_ALIASES_TAGS = {
    "dagster/asset_partition_range_start": ALIASES[0],
    "dagster/asset_partition_range_end": ALIASES[-1],
}

CONFIGURATION_PARTITIONS: dict[Family, dg.StaticPartitionsDefinition] = {
    family: dg.StaticPartitionsDefinition([c.id for c in configurations().values() if c.family == family])
    for family in FAMILIES
}
