"""The model registry, model folders, publishing to cache and API, and drift. Knows no Dagster."""
