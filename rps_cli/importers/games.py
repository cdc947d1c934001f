"""Replay of a foreign game: only games that follow the rules are stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from rps_core.errors import InvalidMove, RpsError
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import Result, parse_move, round_result
from rps_core.game.scoring import Points, RoundOutcome, Winner, play_round
from rps_core.store.game_rows import event_values, game_values
from rps_core.store.games import NewRound, StoredGame
from rps_core.store.schema import Origin

SCORE_TOLERANCE_POINTS = 1e-6
MAX_ROUND_POINTS = 10.0
# Value of the required columns `model_type` and `bot_model_alias` if none of our models played.
NO_MODEL = "none"

DUPLICATE_ROUNDS = "a round number occurs twice"
MISSING_ROUNDS = "rounds are missing"
UNKNOWN_MOVE = "a move is unknown"
BROKEN_POINTS = "the value of a move is not a number above 0 and at most 10"
BROKEN_RESULT = "a result contradicts the moves"
BROKEN_SCORES = "scores contradict the rules"
ROUNDS_AFTER_FINISH = "rounds after the finish"
WRONG_WINNER = "the winner contradicts the rounds"

_RESULTS: dict[str, Result] = {"win": "win", "lose": "lose", "loss": "lose", "draw": "draw", "tie": "draw"}
_WINNERS: dict[str, Winner] = {"user": "user", "bot": "bot", "tie": "tie", "draw": "tie"}


class GameRejected(RpsError):
    """A game cannot be imported; the report groups games by `reason`, the message has the details."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class RecordedRound(NamedTuple):
    """A round as a file records it; fields that are None are not checked against the rules."""

    round_no: int
    user_move: str
    bot_move: str
    points: Points
    played_at: datetime
    probability_source: str
    result: str | None = None
    user_delta: float | None = None
    bot_delta: float | None = None
    user_score: float | None = None
    bot_score: float | None = None


class GameHeader(NamedTuple):
    """A game as a file records it, without its rounds.

    Attributes:
        new: the game; family and alias have no meaning if `origin` is recording. A winner is checked against the rules;
            without `finished_at`, the last round ends the game.
        model_switched: None if the file does not know.
    """

    new: StoredGame
    origin: Origin
    model_switched: bool | None = None


class StorableGame(NamedTuple):
    """The rows of one game: `game` for the table games, `events` for the table events, in order of the rounds."""

    game: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def id(self) -> str:
        """Id of the game."""
        return str(self.game["id"])


def replay(header: GameHeader, rounds: Sequence[RecordedRound]) -> StorableGame:
    """Replay the rounds under the rules and return the rows to store.

    Scores come from the replay, so they equal those of a game played here to the last bit. A recording counts as
    finished at its last round; any other unfinished game can be continued.

    Raises:
        GameRejected: the rounds break a rule, or contradict other values in the file.
    """
    outcome: RoundOutcome | None = None
    events: list[dict[str, Any]] = []
    for expected, recorded in enumerate(rounds, start=1):
        _require_next(recorded.round_no, expected, is_finished=outcome is not None and outcome.finished)
        if not all(0.0 < value <= MAX_ROUND_POINTS for value in recorded.points):
            raise GameRejected(BROKEN_POINTS, f"round {expected}: {recorded.points}")
        try:
            moves = parse_move(recorded.user_move), parse_move(recorded.bot_move)
        except InvalidMove as error:
            raise GameRejected(UNKNOWN_MOVE, f"round {expected}: {error}") from error
        scores = (outcome.user_score, outcome.bot_score) if outcome else (0.0, 0.0)
        outcome = play_round(*scores, *moves, recorded.points)
        _require_claims(recorded, round_result(*moves), outcome)
        source, played_at = recorded.probability_source, recorded.played_at
        new = NewRound(expected, *moves, recorded.points, outcome, source, (), played_at)
        events.append(event_values(header.new.id, new))
    return StorableGame(_game_row(header, rounds, outcome), events)


def _game_row(header: GameHeader, rounds: Sequence[RecordedRound], outcome: RoundOutcome | None) -> dict[str, Any]:
    winner = _winner(header.new.winner, outcome)
    is_recording = header.origin == "recording"
    is_over = winner is not None or is_recording
    last_round_at = rounds[-1].played_at if rounds else header.new.created_at
    # A continued game is played by another model than the one that chose its first moves.
    cut_short = not is_over and len(rounds) >= FIRST_POLICY_ROUND and header.new.model is None
    game = header.new._replace(
        user_score=outcome.user_score if outcome else 0.0,
        bot_score=outcome.bot_score if outcome else 0.0,
        winner=winner,
        finished_at=(header.new.finished_at or last_round_at) if is_over else None,
        model_switched=cut_short if header.model_switched is None else header.model_switched,
    )
    nobody = {"model_type": NO_MODEL, "bot_model_alias": NO_MODEL} if is_recording else {}
    return game_values(game) | {"origin": header.origin} | nobody


def _require_next(round_no: int, expected: int, *, is_finished: bool) -> None:
    if round_no < expected:
        raise GameRejected(DUPLICATE_ROUNDS, f"round {round_no}")
    if round_no > expected:
        raise GameRejected(MISSING_ROUNDS, f"found round {round_no} instead of round {expected}")
    if is_finished:
        raise GameRejected(ROUNDS_AFTER_FINISH, f"round {round_no}")


def _require_claims(recorded: RecordedRound, result: Result, outcome: RoundOutcome) -> None:
    """Compare the recorded results of a round with the rules."""
    if recorded.result is not None and _RESULTS.get(recorded.result.strip().lower()) != result:
        raise GameRejected(
            BROKEN_RESULT, f"round {recorded.round_no} is recorded as {recorded.result[:20]!r}, but is a {result}"
        )
    for name in ("user_delta", "bot_delta", "user_score", "bot_score"):
        claimed, actual = getattr(recorded, name), getattr(outcome, name)
        if claimed is not None and abs(claimed - actual) > SCORE_TOLERANCE_POINTS:
            raise GameRejected(BROKEN_SCORES, f"round {recorded.round_no}: {name} is {claimed:g}, not {actual:g}")


def _winner(recorded: str | None, outcome: RoundOutcome | None) -> Winner | None:
    """Return the winner; the one in the file must be the one by the rules.

    Scores were sums of doubles once, whose rounding decided one exact tie in four: such a game stays as it was decided.
    """
    winner = outcome.winner if outcome else None
    claimed = None if recorded is None else _WINNERS.get(recorded.strip().lower())
    if recorded is None or claimed == winner:
        return winner
    if winner == "tie" and claimed is not None:
        return claimed
    raise GameRejected(WRONG_WINNER, f"the file says {recorded[:20]!r}, but {winner or 'nobody'} reached the target")
