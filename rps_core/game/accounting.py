"""What a round did to the player's win probability, in parts that add up to the result of the game.

Between two rounds, first the values come up (luck), then the player chooses against what the bot draws from (skill),
then the bot draws (luck). The three parts of all rounds add up to the result less one half, exactly.
"""

import math
from typing import NamedTuple

from rps_core.game.choice import Probabilities
from rps_core.game.equilibrium import Mixture, win_table
from rps_core.game.moves import MOVE_INDEX, Move
from rps_core.game.rules import round_stakes
from rps_core.game.scoring import PlayedRound, tenths


class RoundChances(NamedTuple):
    """The player's win probability around one round, if both sides play perfectly from there on.

    Attributes:
        before: before its values were known.
        shown: with its values known.
        chosen: after the player's move, before the bot's draw.
        best: the largest that `chosen` could have been with another move.
        after: after the round.
        perfect: how often a perfect player chooses each move in this round.
        bits: how well the model knew the move: log2 of its probability over that of perfect play; None without a model.
    """

    before: float
    shown: float
    chosen: float
    best: float
    after: float
    perfect: Mixture
    bits: float | None


def win_probability(user_score: float, bot_score: float) -> float:
    """Return the player's win probability at these scores, before the values of the next round are known."""
    return 1.0 - win_table().at(max(0, tenths(user_score)), max(0, tenths(bot_score)))


def round_chances(
    before: tuple[float, float], played: PlayedRound, mixture: Mixture | None, forecast: Probabilities | None
) -> RoundChances | None:
    """Return what a round did; None if its values are not among those that the rules draw.

    Args:
        before: scores of the player and the bot before the round, in points.
        played: the round.
        mixture: what the bot drew its move from; None if it drew nothing.
        forecast: the prediction that the bot's move was chosen from, if a model made one.
    """
    stakes = round_stakes(*before, played.points)
    if stakes is None:
        return None
    user_move, perfect = MOVE_INDEX[played.user_move], stakes.user_mixture
    added = stakes.against_user_moves(mixture or _always(played.bot_move))
    return RoundChances(
        before=win_probability(*before),
        shown=1.0 - stakes.win_probability,
        chosen=1.0 - stakes.draw - added[user_move],
        best=1.0 - stakes.draw - min(added),
        after=win_probability(played.user_score, played.bot_score),
        perfect=perfect,
        bits=None if forecast is None else _bits(forecast[user_move], perfect[user_move]),
    )


def _always(move: Move) -> Mixture:
    index = MOVE_INDEX[move]
    return float(index == 0), float(index == 1), float(index == 2)


def _bits(predicted: float, perfect: float) -> float:
    # A model can be sure of another move; one in a million keeps the sum finite.
    return math.log2(max(predicted, 1e-6) / perfect)
