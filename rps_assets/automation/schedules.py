"""The schedules of scripted play and of retention."""

import dagster as dg

from rps_assets.automation.jobs import clean_up_job, play_scripted_games_job


@dg.schedule(
    name="scripted_games_ten_times_a_day",
    # Every 150 minutes from midnight; no single line can say that.
    cron_schedule=["0 0,5,10,15,20 * * *", "30 2,7,12,17,22 * * *"],
    execution_timezone="UTC",
    job=play_scripted_games_job,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Lets the scripted players play a session every 150 minutes from midnight UTC, ten times a day.",
)
def scripted_games_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Play a session."""
    moment = context.scheduled_execution_time
    return dg.RunRequest(run_key=f"scripted-games:{moment:%Y-%m-%dT%H:%M}")


@dg.schedule(
    name="retention_every_day",
    cron_schedule="20 3 * * *",
    execution_timezone="UTC",
    job=clean_up_job,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deletes old runs, versions and datasets every day at 03:20 UTC.",
)
def retention_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Clean up once a day."""
    return dg.RunRequest(run_key=f"retention:{context.scheduled_execution_time:%Y-%m-%d}")


SCHEDULES = [scripted_games_schedule, retention_schedule]
