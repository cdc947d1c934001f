"""The rules of the game: moves, points, opening gambits, opponents, and the choice of a bot's move."""
