"""Only runs that an earlier session left behind are ended."""

import dagster as dg
import pytest

from rps_assets.automation.instance import end_left_behind_runs


@dg.job
def empty_job() -> None:
    pass


@pytest.mark.parametrize(
    ("left", "becomes"),
    [
        (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
        (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
        (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.NOT_STARTED),
        (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.SUCCESS),
    ],
)
def test_a_run_without_a_process_is_ended(left: dg.DagsterRunStatus, becomes: dg.DagsterRunStatus) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(empty_job, status=left)
        ended = end_left_behind_runs(instance)
        after = instance.get_run_by_id(run.run_id)
        assert after is not None
        assert after.status == becomes
        assert ended == ([run.run_id] if left != becomes else [])
        assert end_left_behind_runs(instance) == []
