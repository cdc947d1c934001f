"""The columns of contract version 3 in words: what each means, and what they say about the person."""

from collections.abc import Mapping
from typing import NamedTuple

from rps_core.features.contract import STEP_RESULTS, STEPS

# By name without its ending; in columns of steps, "the step" is the ending: stay, up or down.
MEANINGS = {
    "last": "the person's last move, one-hot; zeros in round 1",
    "value": "points of the move that the step leads to, in this round",
    "top_is": "1 if the step leads to the one most valuable move; zeros if no move is worth more than both others",
    "result_-1": "result of the last round, one-hot; zeros in round 1",
    "result_-2": "result of the round before the last, one-hot",
    "step_-1": "the step of the last round, one-hot; zeros before round 3",
    "same_move_run": "rounds in a row with the same move",
    "same_step_run": "steps of the same kind in a row",
    "win_streak": "rounds won in a row",
    "lose_streak": "rounds lost in a row",
    "draw_streak": "draws in a row",
    "recent": "share of the step among the last five steps: (count + 1) / (total + 3), as all shares",
    "after_result": "share of the step after a result like the last one; `seen` is the total",
    "after_step": "share of the step after a step like the last one; `seen` is the total",
    "after_pattern": "share of the step after the same last result, last step and result before; `seen` is the total",
    "after_moves": "share of the step after the same two last moves; `seen` is the total",
    "habit": "share of the rounds in which the person played the move that the step leads to",
    "beats_bot_habit": "share of the bot's moves that the step would beat",
    "beats_bot_step": "share of the bot's own steps that would now lead it to the move that the step beats",
    "beats_bot_reply_after_result": "share of the bot's moves, relative to the person's move before and after a result "
    "like the last one, that would now be the move that the step beats; `seen` is the total",
    "rank": "share of the ranked rounds in which the person played the rank that the step leads to now; a third if no "
    "move is worth more than both others; `seen` is the total",
    "rank_after_result": "the same share after a result like the last one",
    "rank_after_rank": "the same share after a round in which the person played the rank of the last one",
    "last_rank": "rank of the person's last move, one-hot; zeros if it had none",
    "beats_bot_rank": "share of the ranked rounds in which the bot played the rank that the step would beat now",
    "round_no": "number of the round",
    "score_diff": "the person's points minus the bot's",
    "user_pts_to_win": "points the person needs to reach ten, at least 0",
    "bot_pts_to_win": "points the bot needs to reach ten, at least 0",
}
_RESULT_WORDS = {"draw": "a draw", "win": "a win", "lose": "a loss"}
_STEP_WORDS = {"stay": "played the same move again", "up": "moved up", "down": "moved down"}
_STEP_NOUNS = {"stay": "the same move again", "up": "a move up", "down": "a move down"}


def meaning(column: str) -> str:
    """Return what a column of contract version 3 means."""
    return MEANINGS[column] if column in MEANINGS else MEANINGS[column.rsplit("_", 1)[0]]


class Habit(NamedTuple):
    """What a person did in one situation: the step done most often, `times` of `total`."""

    situation: str
    step: str
    times: int
    total: int

    @property
    def text(self) -> str:
        """The habit as a sentence, such as "After a loss you moved up 5 of 7 times"."""
        return f"{self.situation} you {_STEP_WORDS[self.step]} {self.times} of {self.total} times"


def habits_of(row: Mapping[str, float]) -> list[Habit]:
    """Return what the features of a round say about the person in situations like this one.

    A situation that did not occur before is left out.
    """
    result, before = (_hot(row, f"result_-{lag}", STEP_RESULTS) for lag in (1, 2))
    step = _hot(row, "step_-1", STEPS)
    situations = {"after_result": f"After {_RESULT_WORDS[result]}"} if result else {}
    if result and before and step:
        situations |= {
            "after_step": f"After {_STEP_NOUNS[step]}",
            "after_pattern": f"After {_RESULT_WORDS[before]}, {_STEP_NOUNS[step]} and {_RESULT_WORDS[result]}",
            "after_moves": "After the same two moves",
        }
    habits = []
    for context, situation in situations.items():
        total = int(row[f"{context}_seen"])
        if total:
            counts = {name: round(row[f"{context}_{name}"] * (total + 3)) - 1 for name in STEPS}
            favourite = max(counts, key=counts.__getitem__)
            habits.append(Habit(situation, favourite, counts[favourite], total))
    return habits


def _hot(row: Mapping[str, float], prefix: str, values: tuple[str, ...]) -> str | None:
    return next((value for value in values if row[f"{prefix}_{value}"]), None)
