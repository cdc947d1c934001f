"""Whole games of simulated people, as tables: thousands in a second, repeatable by seed and parameters."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rps_core.features.step_table import GameArrays
from rps_core.game.scoring import (
    DRAW_POINTS,
    LOWEST_POINTS,
    MAX_ROUNDS,
    MIDDLE_POINTS,
    TARGET_POINTS,
    TOP_STEP_POINTS,
    tenths,
)
from rps_core.simulation.people.crowd import Crowd
from rps_core.simulation.people.opponents import Opponents
from rps_core.simulation.people.population import FloatArray, IntArray, Population, Traits


class Opponent(Protocol):
    """What people play against: one opponent for each game."""

    def moves(self, values: FloatArray) -> IntArray:
        """Return the moves of the coming round."""

    def observe(self, person: IntArray, own: IntArray) -> None:
        """Take in a round."""


def play_games(
    population: Population,
    traits: Traits,
    random: np.random.Generator,
    opponents: Callable[[int, np.random.Generator], Opponent] = Opponents,
    *,
    classic: npt.NDArray[np.bool_] | None = None,
) -> GameArrays:
    """Play one game for each entry of `traits` to its end.

    Args:
        population: the types of the people.
        traits: the person of each game.
        random: draws values, moves and opponents.
        opponents: makes the opponents of this many games.
        classic: games in which every move is worth one point, as in recordings; None if all games have values.
    """
    games = len(traits.types)
    crowd, opponent = Crowd(population, traits), opponents(games, random)
    drawn = draw_values(games, random)
    if classic is not None:
        drawn[classic] = tenths(LOWEST_POINTS)
    user, bot = np.empty((2, games, MAX_ROUNDS), np.int64)
    for round_no in range(MAX_ROUNDS):
        values = drawn[:, round_no] / 10
        own = draw_moves(crowd.probabilities(values), random)
        other = opponent.moves(values)
        crowd.observe(own, other)
        opponent.observe(own, other)
        user[:, round_no], bot[:, round_no] = own, other
    return finished_games(user, bot, drawn)


def draw_values(games: int, random: np.random.Generator) -> IntArray:
    """Draw the values of all rounds like `round_points`, in tenths of a point, int64 (games, rounds, 3)."""
    middle = random.choice([tenths(points) for points in MIDDLE_POINTS], (games, MAX_ROUNDS, 1))
    low = random.integers(3, size=(games, MAX_ROUNDS, 1))
    values = np.repeat(middle, 3, 2)
    np.put_along_axis(values, low, tenths(LOWEST_POINTS), 2)
    # The move that the lowest one beats is worth the most.
    np.put_along_axis(values, (low + 2) % 3, middle + tenths(TOP_STEP_POINTS), 2)
    return values


def draw_moves(probabilities: FloatArray, random: np.random.Generator) -> IntArray:
    """Draw a move for each row of probabilities."""
    passed: IntArray = (random.random((len(probabilities), 1)) > probabilities.cumsum(1)).sum(1)
    return np.minimum(passed, 2)


def finished_games(user: IntArray, bot: IntArray, values: IntArray) -> GameArrays:
    """Return the rounds up to the first in which a side reaches the target; values and sums are whole tenths."""
    result = (user - bot) % 3
    draw = np.where(result == 0, tenths(DRAW_POINTS), 0)
    own, other = (np.take_along_axis(values, move[..., None], 2)[..., 0] for move in (user, bot))
    user_score = (draw + np.where(result == 1, own, 0)).cumsum(1)
    bot_score = (draw + np.where(result == 2, other, 0)).cumsum(1)
    is_over = np.maximum(user_score, bot_score) >= tenths(TARGET_POINTS)
    lengths = is_over.argmax(1) + 1
    played = np.arange(user.shape[1]) < lengths[:, None]
    return GameArrays(
        user[played],
        bot[played],
        values[played] / 10,
        user_score[played] / 10,
        bot_score[played] / 10,
        np.concatenate([[0], lengths.cumsum()[:-1]]),
    )
