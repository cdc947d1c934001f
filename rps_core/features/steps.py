"""Contract version 3: what is known of a game before each round, and the row of features from it.

A *step* is how many places a move comes after the person's move before: 0 stay, 1 up (the move that beats it), 2 down.
A *result* is 0 draw, 1 win, 2 lose, from the person's side. A *rank* is the place after the one most valuable move: 0
top, 1 low, 2 mid; a round without such a move has no rank. -1 stands for "none". All columns but the first three stay
the same if the three moves change places in a circle, so that one round teaches a model what three rounds would.

A share is (count + 1) / (total + 3). Counts are integers, so `rps_core.features.step_table`, which computes whole
tables, gives the same bits.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from rps_core.game.moves import MOVE_INDEX
from rps_core.game.scoring import TARGET_POINTS, PlayedRound, Points

RECENT_STEPS: Final = 5
# What a person did, as triples of counts in one list: the only part that carries over to the person's next games.
RESULT_AT, STEP_AT, PATTERN_AT, MOVES_AT, HABIT_AT, RANK_AT, RANK_RESULT_AT, RANK_RANK_AT = (
    3 * triple for triple in (0, 3, 6, 33, 42, 43, 44, 47)
)
PERSON_COUNTS: Final = 150

_NONE = (0.0, 0.0, 0.0)
_THIRD = (1 / 3, 1 / 3, 1 / 3)
_UNSEEN = (*_THIRD, 0.0)
# The last entry is that of -1.
_HOT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), _NONE)
# Shares of small counts, by total and count: a division takes longer than a look-up.
_TABLED_TOTALS = 64
_SHARE = [[(count + 1) / (total + 3) for count in range(total + 1)] for total in range(_TABLED_TOTALS)]


class GameSteps:
    """What is known of one game before its next round. `row` and `take` cost the same in each round.

    Args:
        remembered: `PERSON_COUNTS` counts of the person's earlier games (`person_counts`), or None.
    """

    __slots__ = (
        "bot_habit",
        "bot_last",
        "bot_rank",
        "bot_reply",
        "bot_score",
        "bot_step",
        "last",
        "last_rank",
        "last_result",
        "last_step",
        "person",
        "played",
        "recent",
        "result_before",
        "same_move_run",
        "same_step_run",
        "streaks",
        "user_before",
        "user_score",
    )

    def __init__(self, remembered: Sequence[int] | None = None) -> None:
        self.person = [0] * PERSON_COUNTS if remembered is None else list(remembered)
        self.bot_habit, self.bot_step, self.bot_rank, self.bot_reply = [0] * 3, [0] * 3, [0] * 3, [0] * 9
        self.last = self.user_before = self.bot_last = self.last_result = self.result_before = -1
        self.last_step = self.last_rank = -1
        self.same_move_run = self.same_step_run = 0
        self.streaks = [0, 0, 0]
        self.recent: list[int] = []
        self.user_score = self.bot_score = 0.0
        self.played = 0

    def take(self, played: PlayedRound) -> None:
        """Take in a completed round."""
        self.update(
            MOVE_INDEX[played.user_move],
            MOVE_INDEX[played.bot_move],
            played.points,
            played.user_score,
            played.bot_score,
        )

    def update(self, user: int, bot: int, points: Points, user_score: float, bot_score: float) -> None:
        """Take in a completed round; moves are indices, scores are those after the round."""
        self._count_step(user, bot)
        self._count_rank(user, bot, points)
        self.person[HABIT_AT + user] += 1
        self.bot_habit[bot] += 1
        result = (user - bot) % 3
        streak = self.streaks[result] + 1
        self.streaks = [0, 0, 0]
        self.streaks[result] = streak
        self.result_before, self.last_result = self.last_result, result
        self.user_before, self.last, self.bot_last = self.last, user, bot
        self.user_score, self.bot_score = user_score, bot_score
        self.played += 1

    def _count_step(self, user: int, bot: int) -> None:
        last, result, before = self.last, self.last_result, self.last_step
        if last < 0:
            self.same_move_run = 1
            return
        step = (user - last) % 3
        person = self.person
        person[RESULT_AT + result * 3 + step] += 1
        if before >= 0:
            person[STEP_AT + before * 3 + step] += 1
            person[PATTERN_AT + ((result * 3 + before) * 3 + self.result_before) * 3 + step] += 1
            person[MOVES_AT + (last * 3 + self.user_before) * 3 + step] += 1
        self.bot_reply[result * 3 + (bot - last) % 3] += 1
        self.bot_step[(bot - self.bot_last) % 3] += 1
        self.same_move_run = self.same_move_run + 1 if step == 0 else 1
        self.same_step_run = self.same_step_run + 1 if step == before else 1
        self.last_step = step
        self.recent.append(step)
        if len(self.recent) > RECENT_STEPS:
            del self.recent[0]

    def _count_rank(self, user: int, bot: int, points: Points) -> None:
        top = top_move(points)
        if top < 0:
            self.last_rank = -1
            return
        rank = (user - top) % 3
        person = self.person
        person[RANK_AT + rank] += 1
        if self.last_result >= 0:
            person[RANK_RESULT_AT + self.last_result * 3 + rank] += 1
        if self.last_rank >= 0:
            person[RANK_RANK_AT + self.last_rank * 3 + rank] += 1
        self.last_rank = rank
        self.bot_rank[(bot - top) % 3] += 1

    def row(self, points: Points) -> list[float]:
        """Return the 75 features of contract version 3, in order, for the next round with these values."""
        last, result, step, hot, person = self.last, self.last_result, self.last_step, _HOT, self.person
        # Before the first round, steps count from rock; zeros in `last_*` say so.
        stay = max(last, 0)
        up, down = (stay + 1) % 3, (stay + 2) % 3
        top = top_move(points)
        draws, wins, losses = self.streaks
        recent = self.recent
        row = [*hot[last], points[stay], points[up], points[down]]
        row += hot[(top - stay) % 3] if top >= 0 else _NONE
        row += hot[result]
        row += hot[self.result_before]
        row += hot[step]
        row += (float(self.same_move_run), float(self.same_step_run), float(wins), float(losses), float(draws))
        row += _shares(recent.count(0), recent.count(1), recent.count(2))
        row += _seen_shares(person, RESULT_AT + result * 3) if result >= 0 else _UNSEEN
        if step >= 0:
            row += _seen_shares(person, STEP_AT + step * 3)
            row += _seen_shares(person, PATTERN_AT + ((result * 3 + step) * 3 + self.result_before) * 3)
            row += _seen_shares(person, MOVES_AT + (last * 3 + self.user_before) * 3)
        else:
            row += (*_UNSEEN, *_UNSEEN, *_UNSEEN)
        row += _shares(person[HABIT_AT + stay], person[HABIT_AT + up], person[HABIT_AT + down])
        # Each step stands where the move is counted that it beats, one place before it.
        row += _shares(self.bot_habit[down], self.bot_habit[stay], self.bot_habit[up])
        if result >= 0:
            steps = self.bot_step
            # The bot's step onto the move that the person's step q beats is (own + q - 1 - bot) mod 3.
            row += _shares(steps[(result + 2) % 3], steps[result], steps[(result + 1) % 3])
            same, above, below, seen = _seen_shares(self.bot_reply, result * 3)
            row += (below, same, above, seen)
        else:
            row += (*_THIRD, *_UNSEEN)
        self._add_ranks(row, stay, top)
        user, bot = self.user_score, self.bot_score
        row += (self.played + 1.0, user - bot, max(0.0, TARGET_POINTS - user), max(0.0, TARGET_POINTS - bot))
        return row

    def _add_ranks(self, row: list[float], stay: int, top: int) -> None:
        person, last_rank = self.person, self.last_rank
        counts = person[RANK_AT : RANK_AT + 3]
        seen = float(sum(counts))
        if top < 0:
            row += (*_THIRD, seen, *_THIRD, *_THIRD, *_HOT[last_rank], *_THIRD)
            return
        first = (stay - top) % 3
        second, third = (first + 1) % 3, (first + 2) % 3
        row += _shares(counts[first], counts[second], counts[third])
        row.append(seen)
        for context, first_at in ((self.last_result, RANK_RESULT_AT), (last_rank, RANK_RANK_AT)):
            at = first_at + context * 3
            row += _shares(person[at + first], person[at + second], person[at + third]) if context >= 0 else _THIRD
        row += _HOT[last_rank]
        row += _shares(self.bot_rank[third], self.bot_rank[first], self.bot_rank[second])


def steps_after(history: Iterable[PlayedRound], remembered: Sequence[int] | None = None) -> GameSteps:
    """Return what is known of a game after all its completed rounds, oldest first, including the opening."""
    game = GameSteps(remembered)
    for played in history:
        game.take(played)
    return game


def person_counts(games: Iterable[Iterable[PlayedRound]]) -> list[int]:
    """Return the sum of the person's counts over games, each from its first round on: what later games remember."""
    total = [0] * PERSON_COUNTS
    for game in games:
        total = [count + more for count, more in zip(total, steps_after(game).person, strict=True)]
    return total


def top_move(points: Points) -> int:
    """Return the index of the move that is worth more than both others, or -1 if no move is."""
    rock, paper, scissors = points
    if rock > paper and rock > scissors:
        return 0
    if paper > rock and paper > scissors:
        return 1
    return 2 if scissors > rock and scissors > paper else -1


def probabilities_of_moves(steps: Sequence[float], last: int) -> tuple[float, float, float]:
    """Return the probabilities of rock, paper and scissors from those of stay, up and down after the move `last`.

    The graph of a bundle does the same (`rps_assets.training`); `last` is 0 before the first round.
    """
    stay, up, down = steps
    return ((stay, up, down), (down, stay, up), (up, down, stay))[last]


def _shares(first: int, second: int, third: int) -> tuple[float, float, float]:
    total = first + second + third
    if total < _TABLED_TOTALS:
        row = _SHARE[total]
        return row[first], row[second], row[third]
    return (first + 1) / (total + 3), (second + 1) / (total + 3), (third + 1) / (total + 3)


def _seen_shares(counts: list[int], at: int) -> tuple[float, float, float, float]:
    first, second, third = counts[at : at + 3]
    total = first + second + third
    if total < _TABLED_TOTALS:
        row = _SHARE[total]
        return row[first], row[second], row[third], float(total)
    return (*_shares(first, second, third), float(total))
