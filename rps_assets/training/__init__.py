"""Fitting, evaluating and exporting models: plain functions on arrays.

Knows neither Dagster nor MLflow: a result is returned, never written. Importing a module here may import JAX, xgboost
or scikit-learn, so assets import from here only when they run.
"""
