"""The promotion ledger and training completions over HTTP. Deciding a promotion is `rps_core.promotion`'s work."""
