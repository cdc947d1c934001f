"""The game as a solved one: win probability, perfect play, and replies that risk no more than a budget.

The game is a race to ten points in which a draw gives both sides half a point. Scores only grow, so one sweep from the
last scores to the first solves it. Scores and values are whole tenths here, and win probability is always the bot's; a
tie counts one half.
"""

from rps_core.game.equilibrium.budget import safe_response, settle_budget
from rps_core.game.equilibrium.stakes import Mixture, Stakes, Triple, best_move, stakes_of
from rps_core.game.equilibrium.table import WinTable, win_table

__all__ = [
    "Mixture",
    "Stakes",
    "Triple",
    "WinTable",
    "best_move",
    "safe_response",
    "settle_budget",
    "stakes_of",
    "win_table",
]
