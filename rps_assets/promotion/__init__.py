"""Applying promotions and manual moves of aliases. Knows no Dagster."""
