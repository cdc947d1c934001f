"""Tests of an operator's tasks: commands against a running product, snapshots, upgrades, the runbook."""
