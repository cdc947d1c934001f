"""Opponents of simulated people in the games that train: uniform, or predictors that know only the game they are in.

Models are never among them: models train on these games. All games are in the same round, as in `crowd`.
"""

from typing import Literal, TypeAlias, get_args

import numpy as np

from rps_core.game.gambits import GAMBITS, OPENING_ROUNDS
from rps_core.simulation.people.population import FloatArray, IntArray

OpponentRule: TypeAlias = Literal["uniform", "moves", "steps", "steps_after_result", "moves_after_move"]
OPPONENT_RULES: tuple[OpponentRule, ...] = get_args(OpponentRule)
_RANKS = ("lowest", "middle", "highest")
_CONTEXTS = 3


class Opponents:
    """One opponent a game: the opening gambit, then the rule of the game.

    Args:
        games: number of games.
        random: draws rules, gambits and the moves of uniform opponents.
    """

    def __init__(self, games: int, random: np.random.Generator) -> None:
        self._random, self._rows = random, np.arange(games)
        self._rules = random.integers(len(OPPONENT_RULES), size=games)
        weights = np.array([gambit.weight for gambit in GAMBITS], dtype=np.float64)
        gambits = random.choice(len(GAMBITS), games, p=weights / weights.sum())
        self._openings = np.array([[_RANKS.index(rank) for rank in gambit.ranks] for gambit in GAMBITS])[gambits]
        # What the person did so far: moves, steps, steps after each result, moves after each move.
        self._counts = {rule: np.ones((games, _CONTEXTS, 3)) for rule in OPPONENT_RULES}
        self._last = np.zeros((2, games), np.int64)
        self._round_no = 0

    def moves(self, values: FloatArray) -> IntArray:
        """Return the move of each opponent in the coming round; `values` are its points, float64 (n, 3)."""
        self._round_no += 1
        if self._round_no <= OPENING_ROUNDS:
            return np.take_along_axis(values.argsort(1, kind="stable"), self._rank(), 1)[:, 0]
        predicted = np.stack([self._predicted(rule) for rule in OPPONENT_RULES])[self._rules, self._rows]
        # A win brings the value of the own move; a loss brings the person the value of the move that beats it.
        expected = np.roll(predicted, 1, 1) * values - np.roll(predicted * values, -1, 1)
        is_uniform = self._rules == OPPONENT_RULES.index("uniform")
        return np.where(is_uniform, self._random.integers(3, size=len(self._rows)), expected.argmax(1))

    def observe(self, person: IntArray, own: IntArray) -> None:
        """Take in a round: the moves of the people and of these opponents."""
        rows, counts = self._rows, self._counts
        counts["moves"][rows, 0, person] += 1
        if self._round_no > 1:
            person_before, own_before = self._last
            step = (person - person_before) % 3
            counts["steps"][rows, 0, step] += 1
            counts["steps_after_result"][rows, (person_before - own_before) % 3, step] += 1
            counts["moves_after_move"][rows, person_before, person] += 1
        self._last = np.stack([person, own])

    def _rank(self) -> IntArray:
        return self._openings[:, self._round_no - 1, None]

    def _predicted(self, rule: OpponentRule) -> FloatArray:
        """Return the predicted distribution of the people's next moves."""
        person, own = self._last
        context = {"steps_after_result": (person - own) % 3, "moves_after_move": person}.get(rule, 0 * person)
        counts = self._counts[rule][self._rows, context]
        if rule.startswith("steps"):
            counts = np.take_along_axis(counts, (np.arange(3) - person[:, None]) % 3, 1)
        shares: FloatArray = counts / counts.sum(1, keepdims=True)
        return shares
