"""Models in memory and their predictions. `rps_core.game.choice` chooses moves; `rps_api.games` plays games."""
