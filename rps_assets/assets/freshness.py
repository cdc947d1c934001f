"""How old an asset may be before the graph shows it as stale."""

from datetime import timedelta

import dagster as dg

# Scripted games are played every 150 minutes, and each session suffices for a retraining. In a running product,
# nothing in the loop gets older than a few hours, even if no person plays.
DAILY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=6), fail_window=timedelta(hours=24))
