"""Recorded rounds as the features that a model sees before each, with the move that was played.

A recording is scored whole: what is known of the person grows from its first round on. Our games end at ten points, so
scores and the number of the round start again where an import would cut the recording.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rps_cli.importers.games import RecordedRound
from rps_cli.importers.recorded import RecordedGame
from rps_cli.importers.recordings import NO_MOVE
from rps_core.features.contract import CONTRACT_V2, CONTRACT_V3
from rps_core.features.history import features_from_history
from rps_core.features.steps import steps_after
from rps_core.game.moves import MOVE_INDEX, parse_move
from rps_core.game.scoring import PlayedRound, Points, play_round

# The last round of the last window.
LAST_ROUND = 30


class SeenRound(NamedTuple):
    """What is known before a round, and the round.

    Attributes:
        recorded_no: number of the round in the recording.
        history: all rounds before; scores and numbers are those of the current game.
        points: values of the moves.
        played: index of the person's move.
    """

    recorded_no: int
    history: Sequence[PlayedRound]
    points: Points
    played: int


class Examples(NamedTuple):
    """Rounds to score, as arrays.

    Attributes:
        moves: int64 (n,), what was played.
        round_no: int64 (n,), number in the recording.
        people: int64 (n,), number of the person.
        rows: by version of the contract, float64 (n, columns).
    """

    moves: npt.NDArray[np.int64]
    round_no: npt.NDArray[np.int64]
    people: npt.NDArray[np.int64]
    rows: dict[int, npt.NDArray[np.float64]]


def examples_of(games: Iterable[RecordedGame], versions: Iterable[int]) -> Examples:
    """Return the rounds of the windows, with rows of these versions of the contract.

    Several recordings of a session are one person.
    """
    people: dict[str, int] = {}
    seen: list[tuple[int, SeenRound]] = []
    for game in games:
        person = people.setdefault(game.header.new.session_id, len(people))
        rounds = (played for played in game.rounds if played.round_no <= LAST_ROUND)
        seen += [(person, each) for each in seen_rounds(rounds, is_classic=game.is_classic)]
    return Examples(
        np.array([each.played for _, each in seen], dtype=np.int64),
        np.array([each.recorded_no for _, each in seen], dtype=np.int64),
        np.array([person for person, _ in seen], dtype=np.int64),
        {version: np.array([feature_row(each, version) for _, each in seen], dtype=np.float64) for version in versions},
    )


def seen_rounds(recorded: Iterable[RecordedRound], *, is_classic: bool) -> Iterator[SeenRound]:
    """Yield the rounds with a move of both sides; only classic recordings are cut."""
    history: list[PlayedRound] = []
    user = bot = 0.0
    last_no = 0
    for each in recorded:
        has_no_move = NO_MOVE in (each.user_move, each.bot_move)
        if is_classic and history and (has_no_move or each.round_no != last_no + 1):
            user = bot = _start_again(history)
        last_no = each.round_no
        if has_no_move:
            continue
        user_move, bot_move = parse_move(each.user_move), parse_move(each.bot_move)
        yield SeenRound(each.round_no, tuple(history), each.points, MOVE_INDEX[user_move])
        outcome = play_round(user, bot, user_move, bot_move, each.points)
        user, bot = outcome.user_score, outcome.bot_score
        number = history[-1].round_no + 1 if history else 1
        history.append(PlayedRound(number, user_move, bot_move, each.points, user, bot))
        if outcome.finished and is_classic:
            user = bot = _start_again(history)


def _start_again(history: list[PlayedRound]) -> float:
    """Let the next round be the first of a game, at 0:0; what is known of the person stays."""
    history[-1] = history[-1]._replace(round_no=0, user_score=0.0, bot_score=0.0)
    return 0.0


def feature_row(seen: SeenRound, version: int) -> list[float]:
    """Return the features that serving computes before a round."""
    round_no = seen.history[-1].round_no + 1 if seen.history else 1
    if version == CONTRACT_V2.version:
        return features_from_history(seen.history, seen.points, round_no)
    row = steps_after(seen.history).row(seen.points)
    # The rounds of the games before count for the person, but not for the number of the round.
    row[CONTRACT_V3.columns.index("round_no")] = float(round_no)
    return row
