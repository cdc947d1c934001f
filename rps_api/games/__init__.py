"""Play: start a game, play a round, read a game. `rps_core.game` has the rules, `rps_api.inference` the models."""
