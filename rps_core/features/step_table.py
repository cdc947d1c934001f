"""Contract version 3 for whole tables of games, for training.

`rps_core.features.steps` computes the same features for one round. A property test keeps both equal bit for bit.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rps_core.features import steps
from rps_core.features.contract import CONTRACT_V3
from rps_core.game.scoring import TARGET_POINTS

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

# Arrays of this many rows fit the caches of a processor.
ROWS_A_PART = 50_000
# Counts of the three steps share one integer, so that one addition counts all three.
_BITS: Final = 20
MAX_COUNT: Final = (1 << _BITS) - 1
_TRIPLE = np.array([1, 1 << _BITS, 1 << 2 * _BITS], dtype=np.int64)
_IN_ORDER = (0, 1, 2)


class GameArrays(NamedTuple):
    """The rounds of whole games, each game from its first round on, with no row between two games.

    Attributes:
        user, bot: index of the move in each row.
        points: (rows, 3), values of rock, paper and scissors.
        user_score, bot_score: scores after the round.
        starts: first row of each game, ascending; the first is 0.
    """

    user: NDArray[Any]
    bot: NDArray[Any]
    points: Floats
    user_score: Floats
    bot_score: Floats
    starts: NDArray[Any]

    def parts(self) -> "list[tuple[slice, slice, GameArrays]]":
        """Return the games and the rows of each part of about `ROWS_A_PART` rows, with the part itself."""
        found = []
        ends = np.append(self.starts[1:], len(self.user))
        first = 0
        while first < len(self.starts):
            last = max(first + 1, int(np.searchsorted(ends, self.starts[first] + ROWS_A_PART, side="right")))
            rows = slice(int(self.starts[first]), int(ends[last - 1]))
            user, bot, points, user_score, bot_score = (column[rows] for column in self[:5])
            starts = self.starts[first:last] - rows.start
            found.append((slice(first, last), rows, GameArrays(user, bot, points, user_score, bot_score, starts)))
            first = last
        return found


def feature_table(games: GameArrays, remembered: NDArray[Any] | None = None) -> Floats:
    """Return float64 (75 columns of contract version 3, rows).

    Args:
        games: the rounds.
        remembered: (games, 150), what each game remembers of the person (`remembered_counts`), or None.

    Raises:
        ValueError: a game has more rounds, with those that it remembers, than can be counted.
    """
    _require_countable(games, remembered)
    table = np.empty((len(CONTRACT_V3.columns), len(games.user)))
    for numbers, rows, part in games.parts():
        _Part(part, None if remembered is None else remembered[numbers]).fill(table[:, rows])
    return table


def person_counts(games: GameArrays) -> NDArray[np.int32]:
    """Return (games, 150): what the person did in each game alone, in the layout of `GameSteps.person`."""
    counts = np.zeros((len(games.starts), steps.PERSON_COUNTS), dtype=np.int32)
    for numbers, _, part in games.parts():
        counts[numbers] = _Part(part, None).person_counts()
    return counts


def remembered_counts(counts: NDArray[Any], remembered: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    """Return (games, 150): the sum of the counts of the games that each game remembers.

    Args:
        counts: `person_counts` of the games that are remembered.
        remembered: for each game, the rows of `counts` that it remembers.
    """
    lengths = np.array([len(rows) for rows in remembered], dtype=np.int64)
    total = np.zeros((len(lengths), counts.shape[1]), dtype=np.int32)
    some = lengths > 0
    if some.any():
        rows = np.concatenate([np.asarray(rows, dtype=np.int64) for rows in remembered if len(rows)])
        first = np.concatenate(([0], np.cumsum(lengths[some])[:-1]))
        total[some] = np.add.reduceat(counts[rows], first, axis=0)
    return total


def _require_countable(games: GameArrays, remembered: NDArray[Any] | None) -> None:
    if not len(games.starts):
        return
    rounds = np.diff(np.append(games.starts, len(games.user)))
    if remembered is not None:
        rounds = rounds + remembered[:, steps.HABIT_AT : steps.HABIT_AT + 3].sum(axis=1)
    if rounds.max() > MAX_COUNT:
        raise ValueError(f"a game has {rounds.max()} rounds, with those it remembers; at most {MAX_COUNT} are counted")


class _Part:
    """The rows of some games, prepared for counting. -1 stands for "none", as in `GameSteps`."""

    def __init__(self, games: GameArrays, remembered: NDArray[Any] | None) -> None:
        self.games = games
        rows = len(games.user)
        lengths = np.diff(np.append(games.starts, rows))
        self.game = np.repeat(np.arange(len(lengths)), lengths)
        self.start = np.repeat(games.starts.astype(np.int64), lengths)
        self.place = np.arange(rows)
        self.round_no = self.place - self.start + 1
        self.user, self.bot = games.user.astype(np.int64), games.bot.astype(np.int64)
        self.last, self.user_before = self._before(self.user), self._before(self.user, 2)
        self.result = (self.user - self.bot) % 3
        self.last_result, self.result_before = self._before(self.result), self._before(self.result, 2)
        moved = self.last >= 0
        self.step = np.where(moved, (self.user - self.last) % 3, -1)
        self.last_step = self._before(self.step)
        self.reply = np.where(moved, (self.bot - self.last) % 3, -1)
        self.top = _top_moves(games.points)
        self.rank = np.where(self.top >= 0, (self.user - self.top) % 3, -1)
        self.last_rank = self._before(self.rank)
        stepped = self.last_step >= 0
        pattern = (self.last_result * 3 + self.last_step) * 3 + self.result_before
        self.pattern = np.where(stepped, pattern, -1)
        self.moves = np.where(stepped, self.last * 3 + self.user_before, -1)
        self.remembered = None
        if remembered is not None:
            self.remembered = remembered.reshape(len(lengths), -1, 3).astype(np.int64) @ _TRIPLE

    def person_counts(self) -> Ints:
        """Return (games, 150), what the person did in each game."""
        none = np.zeros_like(self.user)
        counted = [
            (steps.RESULT_AT, self.last_result, self.step),
            (steps.STEP_AT, self.last_step, self.step),
            (steps.PATTERN_AT, self.pattern, self.step),
            (steps.MOVES_AT, self.moves, self.step),
            (steps.HABIT_AT, none, self.user),
            (steps.RANK_AT, none, self.rank),
            (steps.RANK_RESULT_AT, self.last_result, self.rank),
            (steps.RANK_RANK_AT, self.last_rank, self.rank),
        ]
        width = steps.PERSON_COUNTS
        cells = []
        for at, context, value in counted:
            known = (context >= 0) & (value >= 0)
            cells.append((self.game * width + at + context * 3 + value)[known])
        games = len(self.games.starts)
        return np.bincount(np.concatenate(cells), minlength=games * width).reshape(games, width)

    def fill(self, table: Floats) -> None:
        """Write all columns, in the order of the contract."""
        writer = _Writer(table)
        stay = np.maximum(self.last, 0)
        moves = [stay, (stay + 1) % 3, (stay + 2) % 3]
        ranked = self.top >= 0
        self._fill_state(writer, moves, ranked)
        self._fill_habits(writer, moves)
        self._fill_ranks(writer, moves, ranked)
        after_first = self.round_no > 1
        user = np.where(after_first, _shifted(self.games.user_score), 0.0)
        bot = np.where(after_first, _shifted(self.games.bot_score), 0.0)
        writer.put(self.round_no, user - bot)
        writer.put(np.maximum(0.0, TARGET_POINTS - user), np.maximum(0.0, TARGET_POINTS - bot))

    def _fill_state(self, writer: "_Writer", moves: list[Ints], ranked: NDArray[np.bool_]) -> None:
        writer.hot(self.last)
        writer.put(*(self.games.points[self.place, move] for move in moves))
        writer.hot(np.where(ranked, (self.top - moves[0]) % 3, -1))
        for values in (self.last_result, self.result_before, self.last_step):
            writer.hot(values)
        writer.put(self._run(self.user != self.last))
        writer.put(np.where(self.round_no > 2, self._run(self.step != self.last_step), 0))
        writer.put(*(self._streak(result) for result in (1, 2, 0)))
        made = self._before_in_game(_packed(self.step))
        writer.shares(made - made[np.maximum(self.place - steps.RECENT_STEPS, self.start)])

    def _fill_habits(self, writer: "_Writer", moves: list[Ints]) -> None:
        step, rank = _packed(self.step), _packed(self.rank)
        after_result, after_reply, self.after_rank = self._counted(
            self.last_result, (step, steps.RESULT_AT), (_packed(self.reply), None), (rank, steps.RANK_RESULT_AT)
        )
        writer.shares(after_result, seen=True)
        for context, at in (
            (self.last_step, steps.STEP_AT),
            (self.pattern, steps.PATTERN_AT),
            (self.moves, steps.MOVES_AT),
        ):
            writer.shares(self._counted(context, (step, at))[0], seen=True)
        writer.shares(self._carried(self._before_in_game(_packed(self.user)), steps.HABIT_AT), moves)
        writer.shares(self._before_in_game(_packed(self.bot)), [moves[2], moves[0], moves[1]])
        bot_last = self._before(self.bot)
        bot_step = np.where(bot_last >= 0, (self.bot - bot_last) % 3, -1)
        result = np.maximum(self.last_result, 0)
        onto_beaten = [(result + 2) % 3, result, (result + 1) % 3]
        writer.shares(self._before_in_game(_packed(bot_step)), onto_beaten)
        writer.shares(after_reply, (2, 0, 1), seen=True)

    def _fill_ranks(self, writer: "_Writer", moves: list[Ints], ranked: NDArray[np.bool_]) -> None:
        rank = _packed(self.rank)
        top = np.maximum(self.top, 0)
        ranks = [(move - top) % 3 for move in moves]
        counts = self._carried(self._before_in_game(rank), steps.RANK_AT)
        writer.shares(counts * ranked, ranks)
        writer.put(sum(_unpacked(counts)))
        writer.shares(self.after_rank * ranked, ranks)
        (after,) = self._counted(self.last_rank, (rank, steps.RANK_RANK_AT))
        writer.shares(after * ranked, ranks)
        writer.hot(self.last_rank)
        bot_rank = _packed(np.where(ranked, (self.bot - top) % 3, -1))
        writer.shares(self._before_in_game(bot_rank) * ranked, [ranks[2], ranks[0], ranks[1]])

    def _before(self, values: Ints, lag: int = 1) -> Ints:
        """Return the value `lag` rounds earlier in the same game, -1 where it does not exist."""
        earlier = np.full(len(values), -1, dtype=np.int64)
        earlier[lag:] = values[:-lag]
        earlier[self.round_no <= lag] = -1
        return earlier

    def _before_in_game(self, packed: Ints) -> Ints:
        """Return the packed counts of the earlier rounds of the same game."""
        until = np.cumsum(packed) - packed
        return until - until[self.start]

    def _counted(self, context: Ints, *counted: tuple[Ints, int | None]) -> list[Ints]:
        """Return, for each kind of packed value, its counts in earlier rounds of the game with the same context.

        Sorting brings rounds with the same game and context together, in order, so a game of any length costs the same
        per round. Kinds with a place in the person's counts start from what the game remembers.
        """
        bits = len(context).bit_length()
        known = context >= 0
        group = np.where(known, self.game * 27 + context, -1)
        keys = np.sort((group << bits) | self.place)
        order, group = keys & ((1 << bits) - 1), keys >> bits
        first = np.ones(len(group), dtype=bool)
        first[1:] = group[1:] != group[:-1]
        begin = np.maximum.accumulate(np.where(first, self.place, 0))
        found = []
        for packed, at in counted:
            until = np.cumsum(packed[order]) - packed[order]
            counts = np.empty_like(packed)
            counts[order] = until - until[begin]
            if at is not None:
                counts = self._carried(counts, at, np.maximum(context, 0))
            found.append(counts * known)
        return found

    def _carried(self, counts: Ints, at: int, context: Ints | int = 0) -> Ints:
        return counts if self.remembered is None else counts + self.remembered[self.game, at // 3 + context]

    def _run(self, broken: NDArray[np.bool_]) -> Ints:
        """Return how many rounds, up to the last one, continue what began at the last break."""
        begun = np.maximum.accumulate(np.where(broken | (self.round_no == 1), self.place, 0))
        return np.maximum(self._before(self.place - begun + 1), 0)

    def _streak(self, result: int) -> Ints:
        """Return how many rounds in a row, up to the last one, had this result."""
        other = np.where(self.result != result, self.place, self.start - 1)
        return np.maximum(self._before(self.place - np.maximum.accumulate(other)), 0)


class _Writer:
    """Writes one column after the other."""

    def __init__(self, table: Floats) -> None:
        self._columns = iter(table)

    def put(self, *columns: Any) -> None:
        for values in columns:
            next(self._columns)[:] = values

    def hot(self, values: Ints) -> None:
        self.put(*(values == value for value in range(3)))

    def shares(self, counts: Ints, order: Sequence[Any] = _IN_ORDER, seen: bool = False) -> None:
        """Write (count + 1) / (total + 3) of three packed counts; `order` is the count that belongs to each step."""
        found = _unpacked(counts, order)
        total = found[0] + found[1] + found[2]
        room = (total + 3).astype(np.float64)
        self.put(*((count + 1) / room for count in found))
        if seen:
            self.put(total)


def _packed(values: Ints) -> Ints:
    """Return one count of each value, 0, 1 or 2; nothing for -1."""
    return np.append(_TRIPLE, 0)[values]


def _unpacked(counts: Ints, order: Sequence[Any] = _IN_ORDER) -> list[Ints]:
    return [(counts >> (place * _BITS)) & MAX_COUNT for place in order]


def _shifted(scores: Floats) -> Floats:
    return np.concatenate(([0.0], scores[:-1]))


def _top_moves(points: Floats) -> Ints:
    """Return which move is worth more than both others, -1 where it does not exist."""
    rock, paper, scissors = points.T
    found = np.full(len(points), -1, dtype=np.int64)
    found[(rock > paper) & (rock > scissors)] = 0
    found[(paper > rock) & (paper > scissors)] = 1
    found[(scissors > rock) & (scissors > paper)] = 2
    return found
