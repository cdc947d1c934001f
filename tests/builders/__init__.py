"""What several test modules build: games by the real rules, bundles, a registry of runs."""
