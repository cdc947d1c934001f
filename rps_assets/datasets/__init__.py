"""Training datasets: selecting games, computing features, storing the result. Knows no Dagster."""
