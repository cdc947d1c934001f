"""The game, the contracts and the stores: everything the API and the asset graph share.

Knows no web framework, no orchestrator and no experiment tracker; an import-linter contract keeps it so.
"""
