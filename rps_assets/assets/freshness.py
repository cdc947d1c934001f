"""How old an asset may be before the graph shows it as stale."""

from datetime import timedelta

import dagster as dg

# Scripted games are played every 150 minutes, and each session is enough for a retraining: in a product that runs,
# nothing in the loop grows older than a few hours, whether people play or not.
DAILY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=6), fail_window=timedelta(hours=24))
