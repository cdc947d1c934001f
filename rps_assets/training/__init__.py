"""Fitting, evaluating and exporting models: plain functions on arrays.

Nothing here imports Dagster. Some modules import JAX, xgboost or scikit-learn, so assets import them only at run
time.
"""
