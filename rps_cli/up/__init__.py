"""The processes of `rps up` on one machine: how they start, run and stop (ADR 0003).

Needs the `up` extra. `programs` describes the processes, `supervisord` keeps them alive, and `session` decides the
order of events. Dagster, MLflow and the web framework run in those processes; only `mlflow_server`, which becomes
one of them, imports MLflow.
"""
