"""What is deleted when it is old: MLflow runs and versions. No Dagster."""
