"""How good predictions are: accuracy, log loss and the score of the best reply, by window, as means over people."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rps_cli.evaluation.recordings import Examples
from rps_core.game.moves import HUNTER_INDEX, PREY_INDEX
from rps_core.store.analytics.losses import SMALLEST_PROBABILITY

WINDOWS = ((1, 3), (4, 12), (13, 30), (4, 30))
SUMMARY_WINDOW = "4-30"
RESAMPLES = 2_000


class WindowFigures(NamedTuple):
    """What a model achieved in one window.

    Attributes:
        window: first and last round, like "4-30".
        rounds, people: how many were scored.
        accuracy: share of the rounds whose most probable move was played, with its 95 % interval over people.
        log_loss: in nats; a uniform prediction has 1.0986.
        best_reply_score: mean score of the best reply to the prediction: 1 for a win, -1 for a loss.
    """

    window: str
    rounds: int
    people: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    log_loss: float
    best_reply_score: float

    def as_dict(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Return the figures of a model as JSON types."""
        return {**model, **self._asdict()}


def window_figures(examples: Examples, probabilities: npt.NDArray[np.float64], seed: int = 0) -> list[WindowFigures]:
    """Return the figures of each window that has a round.

    Args:
        examples: the rounds.
        probabilities: float64 (n, 3), of rock, paper and scissors before each round.
        seed: of the resampled people.
    """
    found = []
    for first, last in WINDOWS:
        rows = (examples.round_no >= first) & (examples.round_no <= last)
        if rows.any():
            found.append(_figures(f"{first}-{last}", examples, rows, probabilities, np.random.default_rng(seed)))
    return found


def _figures(
    window: str,
    examples: Examples,
    rows: npt.NDArray[np.bool_],
    probabilities: npt.NDArray[np.float64],
    random: np.random.Generator,
) -> WindowFigures:
    moves, chosen = examples.moves[rows], probabilities[rows]
    _, people = np.unique(examples.people[rows], return_inverse=True)
    reply = (chosen[:, list(PREY_INDEX)] - chosen[:, list(HUNTER_INDEX)]).argmax(1)
    by_person = _means_by_person(
        people,
        [
            chosen.argmax(1) == moves,
            -np.log(np.maximum(chosen[np.arange(len(moves)), moves], SMALLEST_PROBABILITY)),
            np.array([0.0, 1.0, -1.0])[(reply - moves) % 3],
        ],
    )
    accuracy, log_loss, score = by_person.mean(1)
    count = by_person.shape[1]
    resampled = by_person[0][random.integers(count, size=(RESAMPLES, count))].mean(1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return WindowFigures(
        window, len(moves), count, float(accuracy), float(low), float(high), float(log_loss), float(score)
    )


def _means_by_person(people: npt.NDArray[np.int64], values: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    counts = np.bincount(people)
    return np.array([np.bincount(people, value) / counts for value in values])
