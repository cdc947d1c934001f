"""Recordings of classic games, in which every move has the same value, cut into pieces of the length of our games.

The features describe games to 10 points, not recordings of 300 rounds. A piece is therefore a game in which every move
is worth one point: it begins at 0:0 and ends when a side reaches the target, after at most 20 rounds. It also ends at a
round without a move and at a missing round number, so consecutive rounds of a piece really followed each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rps_cli.importers.games import RecordedRound
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import parse_move
from rps_core.game.scoring import Points, RoundOutcome, play_round

EQUAL_POINTS: Points = (1.0, 1.0, 1.0)
NO_MOVE = "none"


class Piece(NamedTuple):
    """Consecutive rounds of a recording, numbered from 1; `first_round` is the number of the first in the recording."""

    first_round: int
    rounds: tuple[RecordedRound, ...]

    @property
    def trains(self) -> bool:
        """Whether training can use it; the first three rounds of a game are never examples."""
        return len(self.rounds) >= FIRST_POLICY_ROUND


def cut_recording(rounds: Iterable[RecordedRound]) -> Iterator[Piece]:
    """Cut a recording at finished games, at rounds without a move and at missing numbers.

    Raises:
        InvalidMove: a move is neither rock, paper, scissors nor `none`.
    """
    piece: list[RecordedRound] = []
    outcome: RoundOutcome | None = None
    for recorded in rounds:
        has_moves = NO_MOVE not in (recorded.user_move, recorded.bot_move)
        if outcome and (outcome.finished or not has_moves or recorded.round_no != piece[-1].round_no + 1):
            yield _as_piece(piece)
            piece, outcome = [], None
        if has_moves:
            piece.append(recorded)
            scores = (outcome.user_score, outcome.bot_score) if outcome else (0.0, 0.0)
            moves = parse_move(recorded.user_move), parse_move(recorded.bot_move)
            outcome = play_round(*scores, *moves, EQUAL_POINTS)
    if piece:
        yield _as_piece(piece)


def _as_piece(rounds: Sequence[RecordedRound]) -> Piece:
    """Return rounds numbered from 1, without their scores, which count from the start of the recording."""
    renumbered = (
        recorded._replace(round_no=number, user_score=None, bot_score=None)
        for number, recorded in enumerate(rounds, start=1)
    )
    return Piece(rounds[0].round_no, tuple(renumbered))
