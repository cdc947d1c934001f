"""The model registry, the model folder and the API as the graph sees them. Knows no Dagster."""
