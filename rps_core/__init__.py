"""The game, the feature contract, model bundles and stores: everything that the API and the asset graph share.

Import rules keep web frameworks, Dagster and MLflow out of this package.
"""
