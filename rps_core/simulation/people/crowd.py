"""People who play one game each, side by side: the probabilities of their next moves, round by round.

All games are in the same round, so one step costs a few NumPy operations for thousands of people. One person is a crowd
of one. What a person keeps are running counts of the own and the opponent's moves, and running means of what choices
paid; recent rounds weigh more. Moves are 0 rock, 1 paper, 2 scissors; a step is (move - move before) mod 3; a result is
(own - opponent's) mod 3: 0 draw, 1 win, 2 loss.
"""

from typing import NamedTuple

import numpy as np

from rps_core.simulation.people.population import FloatArray, IntArray, Population, Traits

# Weights of a type, in this order: up and down for each of twelve contexts (result and step before, in round 2 the
# result alone), up and down for each last step of the opponent, each term, and each term again times `lateness`.
CONTEXTS = 12
TERMS = (
    "habit_result", "habit_result_step", "habit_two_moves", "habit_move", "habit_answer",
    "opponent_moves", "opponent_transitions", "opponent_replies", "opponent_after_both",
    "paid_step", "paid_step_result", "paid_move", "recent_step", "paid_answer", "paid_result_step",
    "mood_habit", "mood_recent",
)  # fmt: skip
OPPONENT_STEPS = 2 * CONTEXTS
GENERIC = OPPONENT_STEPS + 2 * 3
WEIGHTS = GENERIC + 2 * len(TERMS)
# How sharply a person expects others to prefer what pays more, in log-odds per point.
_EXPECTED_SHARPNESS = 4.0
_STEPS = np.arange(3)
_PAID = np.array([0.0, 1.0, -1.0])


class Round(NamedTuple):
    """The moves of one round, one of each person and one of each opponent."""

    own: IntArray
    opponent: IntArray


class Crowd:
    """People in the middle of a game each; `probabilities` of their next moves, then `observe` what was played.

    Args:
        population: the types.
        traits: one entry a game; the same person may play several games at the same time.
    """

    def __init__(self, population: Population, traits: Traits) -> None:
        self._weights = np.array([each.weights for each in population.types])[traits.types]
        self._lapses = np.array([each.lapse for each in population.types])[traits.types, None]
        self._first = np.log(population.first_move)
        self._levels, self._value_weights = traits.levels, traits.value_weights[:, None]
        self._rounds: list[Round] = []
        self._rows = np.arange(len(traits.types))
        self._memory = Memory(len(self._rows))

    def probabilities(self, values: FloatArray | None = None) -> FloatArray:
        """Return the probabilities of rock, paper and scissors, float64 (n, 3).

        Args:
            values: points of the three moves, float64 (n, 3); None in classic games, which have no values.
        """
        if self._rounds:
            last = self._rounds[-1].own[:, None]
            utility = np.take_along_axis(self._step_utility(), (_STEPS - last) % 3, 1)
        else:
            utility = np.repeat(self._first[None], len(self._rows), 0)
        if values is not None:
            utility = utility + self._value_weights * value_pull(values, self._levels)
        probabilities: FloatArray = (1 - self._lapses) * softmax(utility) + self._lapses / 3
        return probabilities

    def observe(self, own: IntArray, opponent: IntArray) -> None:
        """Take in a round of each game."""
        played = Round(own, opponent)
        self._memory.add(self._rounds[-2:], played)
        self._rounds.append(played)

    def _step_utility(self) -> FloatArray:
        weights, rows, rounds = self._weights, self._rows, self._rounds[-2:]
        context, opponent_step = contexts_of(rounds)
        utility = np.zeros((len(rows), 3))
        for step in (1, 2):
            utility[:, step] = weights[rows, 2 * context + step - 1]
            if opponent_step is not None:
                utility[:, step] += weights[rows, OPPONENT_STEPS + 2 * opponent_step + step - 1]
        late = lateness(len(self._rounds) + 1)
        generic = weights[:, GENERIC : GENERIC + len(TERMS)] + late * weights[:, GENERIC + len(TERMS) :]
        utility += np.einsum("nst,nt->ns", self._memory.terms(rounds), generic)
        return utility


def lateness(round_no: int) -> float:
    """Return how late a round is on a logarithmic scale; 0 in round 20."""
    return float(np.log(round_no / 20.0) / 2.0)


def contexts_of(rounds: list[Round]) -> tuple[IntArray, IntArray | None]:
    """Return the context after these one or two last rounds, and the opponent's last step if there was one."""
    result = (rounds[-1].own - rounds[-1].opponent) % 3
    if len(rounds) == 1:
        return 9 + result, None
    return result * 3 + (rounds[-1].own - rounds[-2].own) % 3, (rounds[-1].opponent - rounds[-2].opponent) % 3


def softmax(utility: FloatArray) -> FloatArray:
    """Return probabilities proportional to the exponential, row by row."""
    odds: FloatArray = np.exp(utility - utility.max(1, keepdims=True))
    odds /= odds.sum(1, keepdims=True)
    return odds


def value_pull(values: FloatArray, levels: IntArray) -> FloatArray:
    """Return what each move promises in points, float64 (n, 3).

    On level 0 that is its value over the mean, on level n its expected points against a person of level n - 1.
    """
    promise = values - values.mean(1, keepdims=True)
    found: FloatArray = promise.copy()
    for level in (1, 2):
        expected = softmax(_EXPECTED_SHARPNESS * promise)
        # A move wins its value from the move that it beats, and loses the value of the move that beats it.
        promise = np.roll(expected, 1, 1) * values - np.roll(expected * values, -1, 1)
        found[levels == level] = promise[levels == level]
    return found


class Memory:
    """Running counts and means of each person; tables are float64 (n, contexts, 3), or (n, 3) without a context."""

    def __init__(self, people: int) -> None:
        self.rows = np.arange(people)
        self.mood = np.zeros(people)
        self.moves, self.opponent, self.answers = (np.zeros((people, 3)) for _ in range(3))
        self.paid_moves, self.paid_steps, self.paid_answers, self.steps = (np.zeros((people, 3)) for _ in range(4))
        self.after_result, self.paid_after_result = np.zeros((people, 3, 3)), np.zeros((people, 3, 3))
        self.transitions, self.replies = np.zeros((people, 3, 3)), np.zeros((people, 3, 3))
        self.after_step, self.after_moves, self.after_both, self.paid_after_step = (
            np.zeros((people, 9, 3)) for _ in range(4)
        )

    def add(self, before: list[Round], played: Round) -> None:
        """Take in a round, given the one or two rounds before it."""
        own, opponent = played
        paid = _PAID[(own - opponent) % 3]
        self._count(self.moves, own, 0.9)
        self._count(self.opponent, opponent, 0.85)
        self.mood = 0.9 * self.mood + 0.1 * paid
        self._average(self.paid_moves, own, paid, 0.8)
        if not before:
            return
        last = before[-1]
        result, step, answer = (last.own - last.opponent) % 3, (own - last.own) % 3, (own - last.opponent) % 3
        self._count(self.answers, answer, 0.93)
        self._average(self.paid_steps, step, paid, 0.8)
        self._average(self.steps, step, np.ones_like(paid), 0.7)
        # Only what this answer paid is updated; the others keep their means.
        kept = self.paid_answers[self.rows, answer]
        self.paid_answers[self.rows, answer] = 0.7 * kept + 0.3 * paid
        self._count_after(self.after_result, result, step, 0.93)
        self._count_after(self.transitions, last.opponent, opponent, 0.95)
        self._count_after(self.replies, last.own, opponent, 0.95)
        self._count_after(self.after_both, last.own * 3 + last.opponent, opponent, 0.97)
        self.paid_after_result[self.rows, result] *= 0.8
        self.paid_after_result[self.rows, result, step] += 0.2 * paid
        if len(before) > 1:
            context = contexts_of(before)[0]
            self._count_after(self.after_step, context, step, 0.97)
            self._count_after(self.after_moves, last.own * 3 + before[-2].own, own, 1.0)
            kept = self.paid_after_step[self.rows, context, step]
            self.paid_after_step[self.rows, context, step] = 0.6 * kept + 0.4 * paid

    def _count(self, table: FloatArray, choice: IntArray, decay: float) -> None:
        table *= decay
        table[self.rows, choice] += 1.0

    def _count_after(self, table: FloatArray, context: IntArray, choice: IntArray, decay: float) -> None:
        table[self.rows, context] *= decay
        table[self.rows, context, choice] += 1.0

    def _average(self, table: FloatArray, choice: IntArray, value: FloatArray, decay: float) -> None:
        table *= decay
        table[self.rows, choice] += (1.0 - decay) * value

    def terms(self, rounds: list[Round]) -> FloatArray:
        """Return `TERMS` of staying, up and down after the one or two last rounds, float64 (n, 3, 17)."""
        rows, last = self.rows, rounds[-1]
        result = (last.own - last.opponent) % 3
        move = (last.own[:, None] + _STEPS) % 3
        answer = (move - last.opponent[:, None]) % 3
        habit = _log_shares(self.after_result[rows, result])
        none = np.zeros_like(habit)
        result_step, two_moves, paid_result_step = none, none, none
        if len(rounds) > 1:
            context = contexts_of(rounds)[0]
            result_step = _log_shares(self.after_step[rows, context])
            two_moves = _taken(_log_shares(self.after_moves[rows, last.own * 3 + rounds[-2].own]), move)
            paid_result_step = self.paid_after_step[rows, context]
        terms = (
            habit,
            result_step,
            two_moves,
            _taken(_log_shares(self.moves), move),
            _taken(_log_shares(self.answers), answer),
            _earnings(self.opponent, move),
            _earnings(self.transitions[rows, last.opponent], move),
            _earnings(self.replies[rows, last.own], move),
            _earnings(self.after_both[rows, last.own * 3 + last.opponent], move),
            self.paid_steps,
            self.paid_after_result[rows, result],
            _taken(self.paid_moves, move),
            self.steps,
            _taken(self.paid_answers, answer),
            paid_result_step,
            self.mood[:, None] * habit,
            self.mood[:, None] * self.steps,
        )
        return np.stack(terms, 2)


def _taken(table: FloatArray, order: IntArray) -> FloatArray:
    taken: FloatArray = np.take_along_axis(table, order, 1)
    return taken


def _log_shares(counts: FloatArray) -> FloatArray:
    shares: FloatArray = np.log((counts + 0.5) / (counts.sum(1, keepdims=True) + 1.5))
    return shares


def _earnings(counts: FloatArray, move: IntArray) -> FloatArray:
    """Return what each move would earn a round if the opponent drew its move from these counts."""
    won, lost = _taken(counts, (move + 2) % 3), _taken(counts, (move + 1) % 3)
    earned: FloatArray = (won - lost) / (counts.sum(1, keepdims=True) + 1.0)
    return earned
