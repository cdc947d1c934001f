"""Values that assets and checks show in Dagster: links, formatted numbers, plots."""
