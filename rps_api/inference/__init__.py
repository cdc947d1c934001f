"""Models in memory and what they predict. Choosing a move is `rps_core.choice`, playing a game is `rps_api.games`."""
