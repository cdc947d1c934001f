"""Training datasets: select games, compute features, store the result. Nothing here imports Dagster."""
