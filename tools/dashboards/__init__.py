"""The Grafana dashboards as code; `python -m tools.dashboards` writes them into ops/grafana.

Growth of what the gameplay store counts is taken from the `rps:…:total` series that ops/prometheus/rules.yaml records,
which merge replicas; what a process measures is summed over processes after its rate.
"""
