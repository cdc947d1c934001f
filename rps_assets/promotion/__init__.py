"""Applying promotions, automatic and by hand. Knows no Dagster."""
