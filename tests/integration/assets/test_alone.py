"""Each asset can be materialised alone, as in the UI."""

import pytest

from rps_assets.assets import keys
from tests.integration.assets.world import World, failure_of

pytestmark = pytest.mark.usefixtures("tiny_trials")

# Playing needs the whole API: `test_commands` lets it play.
ELSEWHERE = {keys.SCRIPTED_GAMES}


def test_every_asset_can_run_alone_on_the_existing_state(trained: World) -> None:
    graph = trained.defs.resolve_asset_graph()
    alone = sorted(key for key in graph.executable_asset_keys if key not in ELSEWHERE)
    assert len(alone) == len(graph.get_all_asset_keys()) - 2, "gameplay/rounds and the assets of ELSEWHERE are left out"
    job = trained.defs.resolve_implicit_global_asset_job_def()
    for key in alone:
        partitions = graph.get(key).partitions_def
        result = job.execute_in_process(
            instance=trained.instance,
            asset_selection=[key],
            partition_key=partitions.get_partition_keys()[-1] if partitions else None,
            raise_on_error=False,
        )
        assert result.success, f"{key.to_user_string()}: {failure_of(result)}"
        assert key in {event.asset_key for event in result.get_asset_materialization_events()}
