"""The schedules of scripted play and of retention."""

import dagster as dg

from rps_assets.automation.decisions import is_scripted_play_due
from rps_assets.automation.jobs import clean_up_job, play_scripted_games_job


@dg.schedule(
    name="scripted_games_every_150_minutes",
    cron_schedule="*/30 * * * *",
    execution_timezone="UTC",
    job=play_scripted_games_job,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Lets the scripted players play a session every 150 minutes, which is every fifth half hour.",
)
def scripted_games_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Play at every fifth half hour since the epoch."""
    moment = context.scheduled_execution_time
    if not is_scripted_play_due(moment):
        return dg.SkipReason(f"{moment:%H:%M} is between two sessions; scripted games are played every 150 minutes")
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
