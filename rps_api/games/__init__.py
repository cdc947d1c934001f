"""Playing: start a game, play a round, read it back. The rules are `rps_core`'s, the models `rps_api.inference`'s."""
