"""Prepares the Dagster instance of one machine before its processes start: `python -m rps_assets.automation.instance`.

Six processes that create the tables of a new instance at the same time fail, so one process does it first.
"""

import sys

import dagster as dg

LEFT_BEHIND = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


def end_left_behind_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report runs whose processes ended with an earlier session as failed, or as cancelled if that was requested.

    Nothing else does, because the default launcher cannot tell whether a worker is alive. The next daemon starts the
    queued runs and retries the failed ones. Call this only while no run worker is alive.

    Returns:
        The ids of the reported runs.
    """
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(LEFT_BEHIND))):
        run = record.dagster_run
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message="The run was being cancelled when its session ended.")
        else:
            instance.report_run_failed(run, message="The process of this run ended together with its session.")
        ended.append(run.run_id)
    return ended


def main() -> None:
    """Create what is missing in the instance at DAGSTER_HOME, and end the runs of an earlier session."""
    with dg.DagsterInstance.get() as instance:
        ended = end_left_behind_runs(instance)
    sys.stdout.write(f"the instance is ready; {len(ended)} runs of an earlier session were ended\n")


if __name__ == "__main__":
    main()
