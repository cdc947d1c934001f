"""The Grafana dashboards as code; `python -m tools.dashboards` writes them into ops/grafana.

Increases of counters from the gameplay store use the `rps:…:total` series of ops/prometheus/rules.yaml, which merge
replicas. Measurements of processes are summed after taking their rates.
"""
