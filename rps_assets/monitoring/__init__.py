"""Monitoring of served models: drift, live accuracy, parity and the Cal probe. Nothing here imports Dagster."""
