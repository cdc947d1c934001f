"""An operator's tasks on a running or stopped product: check, validate, back up and restore.

These are plain functions, called by the thin commands in `rps_cli.commands`. They reach Dagster, MLflow and the API
over HTTP, like any other client.
"""
