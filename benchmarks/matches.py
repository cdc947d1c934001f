"""Games of thousands of players side by side against a model, by the product's own code: features, graph and choice.

All games are in the same round. `rps_core.simulation.people.games` scores them.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from rps_core.features.contract import CONTRACT_V2, FeatureContract
from rps_core.features.history import features_from_history
from rps_core.features.step_table import GameArrays, person_counts
from rps_core.features.steps import GameSteps
from rps_core.game.choice import choose_move, sanitize_probabilities
from rps_core.game.gambits import OPENING_ROUNDS, draw_gambit
from rps_core.game.moves import MOVE_INDEX, MOVES
from rps_core.game.scoring import MAX_ROUNDS, PlayedRound, play_round
from rps_core.simulation.people.crowd import Crowd
from rps_core.simulation.people.games import draw_moves, draw_values, finished_games
from rps_core.simulation.people.population import IntArray, Population, Traits
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS, decide, from_user_side

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
_RANKS = ("lowest", "middle", "highest")


class Players(Protocol):
    """The side of the person in all games."""

    def moves(self, values: npt.NDArray[np.float64]) -> IntArray:
        """Return the moves of the coming round."""

    def observe(self, rounds: Sequence[PlayedRound]) -> None:
        """Take in the last round of each game."""


class People:
    """Simulated people."""

    def __init__(self, population: Population, traits: Traits, random: np.random.Generator) -> None:
        self._crowd, self._random = Crowd(population, traits), random

    def moves(self, values: npt.NDArray[np.float64]) -> IntArray:
        """Draw the moves of the coming round."""
        return draw_moves(self._crowd.probabilities(values), self._random)

    def observe(self, rounds: Sequence[PlayedRound]) -> None:
        """Take in the last round of each game."""
        moves = [[MOVE_INDEX[played.user_move], MOVE_INDEX[played.bot_move]] for played in rounds]
        self._crowd.observe(*np.array(moves).T)


class Scripted:
    """The eight scripted players in turn, or one that draws uniformly."""

    def __init__(self, games: int, seed: int, *, uniform: bool = False) -> None:
        self._random, self._uniform = Random(seed), uniform
        self._rounds: list[list[PlayedRound]] = [[] for _ in range(games)]

    def moves(self, values: npt.NDArray[np.float64]) -> IntArray:
        """Return the moves of the coming round."""
        if self._uniform:
            return np.array([self._random.randrange(3) for _ in self._rounds])
        players = [SCRIPTED_PLAYERS[number % len(SCRIPTED_PLAYERS)] for number in range(len(self._rounds))]
        moves = [
            decide(player, from_user_side(rounds), tuple(points), self._random)
            for player, rounds, points in zip(players, self._rounds, values.tolist(), strict=True)
        ]
        return np.array([MOVE_INDEX[move] for move in moves])

    def observe(self, rounds: Sequence[PlayedRound]) -> None:
        """Take in the last round of each game."""
        for known, played in zip(self._rounds, rounds, strict=True):
            known.append(played)


class Bot:
    """A model, or a uniform bot if `predict` is None, with the opening gambits.

    Args:
        predict: returns probabilities of the moves for rows of features.
        contract: of the features.
        remembered: for each game, what the person did in earlier games; None if nothing is remembered.
    """

    def __init__(
        self,
        games: int,
        seed: int,
        predict: Predict | None = None,
        contract: FeatureContract = CONTRACT_V2,
        remembered: npt.NDArray[np.int32] | None = None,
    ) -> None:
        self._random, self._predict, self._contract = Random(seed), predict, contract
        self._gambits = [draw_gambit(self._random) for _ in range(games)]
        self._histories: list[list[PlayedRound]] = [[] for _ in range(games)]
        counts = [None] * games if remembered is None else remembered.tolist()
        self._steps = [GameSteps(found) for found in counts]

    def moves(self, values: npt.NDArray[np.float64]) -> IntArray:
        """Return the moves of the coming round."""
        round_no = len(self._histories[0]) + 1
        if round_no <= OPENING_ROUNDS:
            ranks = [_RANKS.index(gambit.ranks[round_no - 1]) for gambit in self._gambits]
            return np.take_along_axis(values.argsort(1, kind="stable"), np.array(ranks)[:, None], 1)[:, 0]
        if self._predict is None:
            return np.array([self._random.randrange(3) for _ in self._histories])
        points = [tuple(each) for each in values.tolist()]
        if self._contract == CONTRACT_V2:
            rows = [
                features_from_history(history, own, round_no)
                for history, own in zip(self._histories, points, strict=True)
            ]
        else:
            rows = [steps.row(own) for steps, own in zip(self._steps, points, strict=True)]
        probabilities = self._predict(np.array(rows, dtype=np.float32))
        return np.array(
            [
                MOVE_INDEX[
                    choose_move(sanitize_probabilities(each), own, history[-1].bot_score, history[-1].user_score)
                ]
                for each, own, history in zip(probabilities.tolist(), points, self._histories, strict=True)
            ]
        )

    def observe(self, rounds: Sequence[PlayedRound]) -> None:
        """Take in the last round of each game."""
        for history, steps, played in zip(self._histories, self._steps, rounds, strict=True):
            history.append(played)
            steps.take(played)


class Results(NamedTuple):
    """Finished games, and for each the bot's result: 1 won, 0.5 tie, 0 lost."""

    games: GameArrays
    won: npt.NDArray[np.float64]


def play(players: Players, bot: Bot, games: int, random: np.random.Generator) -> Results:
    """Play all games to their end."""
    tenths = draw_values(games, random)
    user, bots = np.empty((2, games, MAX_ROUNDS), np.int64)
    scores = [(0.0, 0.0)] * games
    for number in range(MAX_ROUNDS):
        values = tenths[:, number] / 10
        own, other = players.moves(values), bot.moves(values)
        user[:, number], bots[:, number] = own, other
        rounds = []
        for at, points in enumerate(map(tuple, values.tolist())):
            moves = MOVES[own[at]], MOVES[other[at]]
            outcome = play_round(*scores[at], *moves, points)
            scores[at] = outcome.user_score, outcome.bot_score
            rounds.append(PlayedRound(number + 1, *moves, points, *scores[at]))
        players.observe(rounds)
        bot.observe(rounds)
    finished = finished_games(user, bots, tenths)
    last = np.append(finished.starts[1:], len(finished.user)) - 1
    lead = finished.bot_score[last] - finished.user_score[last]
    return Results(finished, (np.sign(lead) + 1) / 2)


def play_in_a_row(
    population: Population,
    traits: Traits,
    predict: Predict,
    contract: FeatureContract,
    *,
    games_each: int,
    most_remembered: int,
    random: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Let each person play games one after the other against a bot that remembers; return results (people, games)."""
    people = len(traits.types)
    counts: list[npt.NDArray[np.int32]] = []
    results = []
    for number in range(games_each):
        kept = counts[-most_remembered:] if most_remembered else []
        bot = Bot(people, number, predict, contract, np.sum(kept, axis=0, dtype=np.int32) if kept else None)
        found = play(People(population, traits, random), bot, people, random)
        counts.append(person_counts(found.games))
        results.append(found.won)
    return np.stack(results, axis=1)
