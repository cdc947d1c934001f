"""The graph as data: `python -m tests.integration.assets.graph_snapshot` rewrites the golden file."""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from rps_assets.definitions import build_defs

GOLDEN = Path(__file__).parents[2] / "golden" / "asset_graph.json"


def snapshot(defs: dg.Definitions) -> dict[str, Any]:
    """Return the parts that users of the graph rely on: names, edges, partitions, checks, automation."""
    graph = defs.resolve_asset_graph()
    repository = defs.get_repository_def()
    return {
        "assets": {
            key.to_user_string(): {
                "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
                "group": node.group_name,
                "kinds": sorted(node.kinds),
                "owners": list(node.owners),
                "partitions": partitions_of(node.partitions_def),
                "executable": node.is_executable,
                "pools": sorted(node.pools or ()),
                "checks": sorted(check.name for check in node.check_keys),
            }
            for key in sorted(graph.get_all_asset_keys())
            for node in [graph.get(key)]
        },
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
            for name in sorted(repository.job_names)
            if not name.startswith("__")
            for job in [repository.get_job(name)]
        },
        "sensors": {
            sensor.name: {
                "every_seconds": sensor.minimum_interval_seconds,
                "default": sensor.default_status.value,
                "jobs": sorted(target.job_name for target in sensor.targets),
            }
            for sensor in sorted(repository.sensor_defs, key=lambda one: one.name)
        },
        "schedules": {
            schedule.name: {
                "cron": schedule.cron_schedule,
                "timezone": schedule.execution_timezone,
                "default": schedule.default_status.value,
                "job": schedule.job_name,
            }
            for schedule in repository.schedule_defs
        },
    }


def partitions_of(partitions: dg.PartitionsDefinition[str] | None) -> list[str]:
    """Return the partitions, or the rule of those that grow with time."""
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return [f"{partitions.schedule_type.value.lower()} from {partitions.start.date().isoformat()}"]  # type: ignore[union-attr]
    return list(partitions.get_partition_keys()) if partitions else []


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(snapshot(build_defs()), indent=1) + "\n")
