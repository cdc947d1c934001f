"""One round as a matrix game: what each result is worth in win probability, and perfect play.

Let d be the win probability after a draw. A win of the bot with move m adds ``gains[m]`` to it, and a win of the user
with move k takes ``losses[k]`` from it. All of them are positive in this game, so both sides mix all three moves, and
the mixture has a closed form.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from rps_core.game.scoring import DRAW_POINTS, tenths

if TYPE_CHECKING:
    from rps_core.game.equilibrium.table import WinTable

Triple: TypeAlias = tuple[float, float, float]
# Probabilities of rock, paper and scissors.
Mixture: TypeAlias = Triple

_DRAW = tenths(DRAW_POINTS)


class Stakes(NamedTuple):
    """What a round is about, in win probability of the bot.

    Attributes:
        gains: of a win with each of the bot's moves, over a draw.
        losses: of a loss to each of the user's moves, below a draw.
        draw: win probability after a draw.
    """

    gains: Any
    losses: Any
    draw: Any

    @property
    def value(self) -> Any:
        """What the round adds to `draw` if both sides play perfectly."""
        (gain_rock, gain_paper, gain_scissors), (lose_rock, lose_paper, lose_scissors) = self.gains, self.losses
        difference = gain_rock * gain_paper * gain_scissors - lose_rock * lose_paper * lose_scissors
        return difference / sum(_weights(self.gains, self.losses))

    @property
    def win_probability(self) -> Any:
        """The bot's win probability before the round, its values known, if both sides play perfectly."""
        return self.draw + self.value

    @property
    def bot_mixture(self) -> Mixture:
        """The bot's perfect play: it wins the same against every move of the user."""
        return _normalised(_weights(self.gains, self.losses))

    @property
    def user_mixture(self) -> Mixture:
        """The user's perfect play."""
        return _normalised(_weights(self.losses, self.gains))

    def against_user_moves(self, mixture: Mixture) -> Triple:
        """Return what a mixture of the bot adds to `draw` against each move of the user."""
        rock, paper, scissors = mixture
        return (
            paper * self.gains[1] - scissors * self.losses[0],
            scissors * self.gains[2] - rock * self.losses[1],
            rock * self.gains[0] - paper * self.losses[2],
        )

    def against_forecast(self, forecast: Mixture) -> Triple:
        """Return what each move of the bot adds to `draw` if the user's move has these probabilities."""
        rock, paper, scissors = forecast
        return (
            scissors * self.gains[0] - paper * self.losses[1],
            rock * self.gains[1] - scissors * self.losses[2],
            paper * self.gains[2] - rock * self.losses[0],
        )


def best_move(worth: Triple) -> Mixture:
    """Return the move that is worth most, as a mixture."""
    best = worth.index(max(worth))
    return float(best == 0), float(best == 1), float(best == 2)


def stakes_of(table: "WinTable", user: int, bot: int, values: tuple[int, int, int]) -> Stakes:
    """Return the stakes of a round.

    Args:
        table: win probability by scores.
        user: the user's score before the round, in tenths.
        bot: the bot's score.
        values: of rock, paper and scissors, in tenths.
    """
    rock, paper, scissors = values
    at = table.at
    draw = at(user + _DRAW, bot + _DRAW)
    gains = (at(user, bot + rock) - draw, at(user, bot + paper) - draw, at(user, bot + scissors) - draw)
    losses = (draw - at(user + rock, bot), draw - at(user + paper, bot), draw - at(user + scissors, bot))
    return Stakes(gains, losses, draw)


def _weights(gains: Any, losses: Any) -> tuple[Any, Any, Any]:
    """Return the relative weights of the three moves in perfect play: sums of cofactors of the round's matrix."""
    (gain_rock, gain_paper, gain_scissors), (lose_rock, lose_paper, lose_scissors) = gains, losses
    return (
        gain_scissors * lose_scissors + lose_scissors * lose_rock + gain_paper * gain_scissors,
        gain_rock * lose_rock + gain_scissors * gain_rock + lose_paper * lose_rock,
        lose_paper * lose_scissors + gain_rock * gain_paper + gain_paper * lose_paper,
    )


def _normalised(weights: tuple[Any, Any, Any]) -> Mixture:
    rock, paper, scissors = weights
    total = rock + paper + scissors
    return rock / total, paper / total, scissors / total
