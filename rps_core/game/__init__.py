"""The rules of the game: moves, points, opening gambits, opponents and how a bot chooses its move."""
