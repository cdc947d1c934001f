"""What an operator does: commands against a running product, snapshots, upgrades, the runbook."""
