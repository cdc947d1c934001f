"""Test data that several test modules need: games by the real rules, bundles, a registry of runs."""
