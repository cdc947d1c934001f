"""What an operator does to a running or a stopped product: look, prove, save, bring back.

Plain functions; the commands in `rps_core.cli` are thin shells around them. Nothing here imports Dagster, MLflow or the
API: they are asked over HTTP, as any other client would.
"""
