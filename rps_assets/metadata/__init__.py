"""Metadata values of assets and checks: links, rounded numbers, tables, pictures."""
