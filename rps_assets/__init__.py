"""The Dagster code location: gameplay, training data, models, promotion and serving as assets.

Nothing is wired at import; `rps_assets.definitions` composes the parts. Fitting lives in `rps_assets.training`,
which knows no Dagster.
"""
