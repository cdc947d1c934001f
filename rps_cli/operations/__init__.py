"""What an operator does to a running or a stopped product: look, prove, save, bring back.

Plain functions; the commands in `rps_cli.commands` are thin shells around them. Dagster, MLflow and the API are asked
over HTTP, as any other client would.
"""
