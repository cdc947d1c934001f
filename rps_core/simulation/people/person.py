"""One simulated person who plays games round by round, as over HTTP."""

from collections.abc import Sequence

import numpy as np

from rps_core.game.choice import Probabilities
from rps_core.game.moves import MOVE_INDEX, MOVES, Move
from rps_core.game.scoring import PlayedRound, Points
from rps_core.simulation.people.crowd import Crowd
from rps_core.simulation.people.population import Population, draw_people, shipped_population
from rps_core.simulation.people.priors import DEFAULT_VALUE_PRIOR, ValuePrior


class Person:
    """A person who keeps type and weights in all games; each game starts with an empty memory.

    Args:
        random: draws the person, then its moves.
        prior: how much people weigh the values of moves.
        population: the types to draw from; None for those of this release.
    """

    def __init__(
        self,
        random: np.random.Generator,
        prior: ValuePrior = DEFAULT_VALUE_PRIOR,
        population: Population | None = None,
    ) -> None:
        self._random, self._population = random, population or shipped_population()
        self._traits = draw_people(self._population, prior, 1, random)
        self.start_game()

    def start_game(self) -> None:
        """Forget the rounds of the game before."""
        self._crowd, self._seen = Crowd(self._population, self._traits), 0

    def probabilities(self, rounds: Sequence[PlayedRound], points: Points) -> Probabilities:
        """Return the probabilities of the next move, given all completed rounds of the game and the next points."""
        for played in rounds[self._seen :]:
            moves = MOVE_INDEX[played.user_move], MOVE_INDEX[played.bot_move]
            self._crowd.observe(*(np.array([move]) for move in moves))
        self._seen = len(rounds)
        rock, paper, scissors = self._crowd.probabilities(np.array([points]))[0].tolist()
        return rock, paper, scissors

    def choose(self, rounds: Sequence[PlayedRound], points: Points) -> Move:
        """Draw the next move."""
        probabilities = self.probabilities(rounds, points)
        return MOVES[int(self._random.choice(3, p=probabilities))]
