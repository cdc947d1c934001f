"""What is watched of served models: drift, live accuracy, parity, and Cal. Plain functions that know no Dagster."""
