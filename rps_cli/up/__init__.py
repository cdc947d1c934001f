"""One machine: the processes of `rps up`, how they are started, watched and ended (ADR 0003).

Needs the `up` extra. What a process *is* stands in `programs`, what keeps it alive is supervisord (`supervisord`), what
happens in which order stands in `session`. No Dagster, MLflow or web framework is imported here: they are started.
"""
