"""Contract version 3: the row round by round and whole tables are equal bit for bit, with and without memory."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rps_core.features import step_table
from rps_core.features.contract import CONTRACT_V3
from rps_core.features.habits import habit_to_work_on
from rps_core.features.meanings import habits_of, meaning
from rps_core.features.step_table import GameArrays, feature_table, remembered_counts
from rps_core.features.steps import GameSteps, person_counts, probabilities_of_moves, steps_after
from rps_core.game.moves import MOVE_INDEX, Move, hunter, prey
from rps_core.game.scoring import PlayedRound, round_points
from tests.builders.games import DEMO_MOVES, history_of

GOLDEN = Path(__file__).parents[3] / "golden" / "features_v3.json"


def random_games(seed: int, games: int, longest: int) -> list[list[PlayedRound]]:
    """Return games with the product's values or with equal ones, as recordings have them; some hold one habit."""
    random = np.random.default_rng(seed)
    moves: tuple[Move, ...] = ("rock", "paper", "scissors")
    found = []
    for number in range(games):
        with_values, habit = random.random() < 0.6, random.dirichlet((0.4, 0.4, 0.4))
        game = []
        for round_no in range(1, int(random.integers(1, longest + 1)) + 1):
            points = round_points(f"{seed}-{number}", round_no) if with_values else (1.0, 1.0, 1.0)
            user, bot = moves[random.choice(3, p=habit)], moves[random.integers(3)]
            scores = np.round(random.uniform(0, 12, 2), 1).tolist()
            game.append(PlayedRound(round_no, user, bot, points, *scores))
        found.append(game)
    return found


def arrays_of(games: list[list[PlayedRound]]) -> GameArrays:
    rounds = [played for game in games for played in game]
    lengths = [len(game) for game in games]
    return GameArrays(
        np.array([MOVE_INDEX[played.user_move] for played in rounds], dtype=np.int8),
        np.array([MOVE_INDEX[played.bot_move] for played in rounds], dtype=np.int8),
        np.array([played.points for played in rounds]),
        np.array([played.user_score for played in rounds]),
        np.array([played.bot_score for played in rounds]),
        np.cumsum([0, *lengths[:-1]]),
    )


def rows_of(games: list[list[PlayedRound]], remembered: list[list[int]]) -> list[list[float]]:
    rows = []
    for game, counts in zip(games, remembered, strict=True):
        known = GameSteps(counts)
        for played in game:
            rows.append(known.row(played.points))
            known.take(played)
    return rows


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.sampled_from((1, 2, 20, 90)), st.integers(0, 5))
def test_rows_and_table_are_equal_bit_for_bit(seed: int, games: int, longest: int, memory: int) -> None:
    played = random_games(seed, games, longest)
    arrays = arrays_of(played)
    earlier = [list(range(max(0, number - memory), number))[::-1] for number in range(games)]
    remembered = remembered_counts(step_table.person_counts(arrays), earlier)
    assert remembered.tolist() == [person_counts(played[number] for number in numbers) for numbers in earlier]
    table = feature_table(arrays, remembered)
    rows = np.array(rows_of(played, remembered.tolist()))
    assert table.shape == (75, len(rows))
    unequal = (table.T.copy().view(np.int64) != rows.view(np.int64)).any(axis=0)
    assert not unequal.any(), [CONTRACT_V3.columns[number] for number in np.flatnonzero(unequal)]


def test_parts_of_a_table_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = arrays_of(random_games(3, 60, 20))
    remembered = remembered_counts(step_table.person_counts(arrays), [[0], *[[number] for number in range(59)]])
    whole = feature_table(arrays, remembered)
    monkeypatch.setattr(step_table, "ROWS_A_PART", 37)
    assert np.array_equal(feature_table(arrays, remembered), whole)
    assert np.array_equal(feature_table(arrays), feature_table(arrays, np.zeros((60, 150), dtype=np.int32)))


def test_only_the_persons_counts_carry_over() -> None:
    first, second = history_of("demo-alpha", DEMO_MOVES), history_of("demo-beta", DEMO_MOVES)
    fresh = steps_after(second[:4])
    known = steps_after(second[:4], person_counts([first]))
    rows = zip(CONTRACT_V3.columns, fresh.row(second[4].points), known.row(second[4].points), strict=True)
    changed = {column.rsplit("_", 1)[0] for column, without, with_memory in rows if without != with_memory}
    assert changed
    assert changed <= {
        *("after_result", "after_step", "after_pattern", "after_moves", "habit"),
        *("rank", "rank_after_result", "rank_after_rank"),
    }


def test_moves_changed_in_a_circle_change_only_the_last_move() -> None:
    games = [game for game in random_games(5, 40, 20) if len(game) > 1]
    arrays = arrays_of(games)
    turned = arrays._replace(
        user=(arrays.user + 1) % 3, bot=(arrays.bot + 1) % 3, points=np.roll(arrays.points, 1, axis=1)
    )
    later = np.ones(len(arrays.user), dtype=bool)
    later[arrays.starts] = False
    before, after = feature_table(arrays)[:, later], feature_table(turned)[:, later]
    assert np.array_equal(before[3:], after[3:])
    assert np.array_equal(np.roll(before[:3], 1, axis=0), after[:3])


def test_a_game_of_more_rounds_than_can_be_counted_is_refused() -> None:
    arrays = arrays_of(random_games(1, 1, 5))
    remembered = np.zeros((1, 150), dtype=np.int64)
    remembered[0, 126] = step_table.MAX_COUNT
    with pytest.raises(ValueError, match="at most 1048575 are counted"):
        feature_table(arrays, remembered)


def test_probabilities_of_steps_become_those_of_moves() -> None:
    for last, move in enumerate(("rock", "paper", "scissors")):
        found = dict(zip(("rock", "paper", "scissors"), probabilities_of_moves((0.5, 0.3, 0.2), last), strict=True))
        assert (found[move], found[hunter(move)], found[prey(move)]) == (0.5, 0.3, 0.2)


def test_names_digest_and_rows_of_the_golden_game_equal_the_golden_file() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert (list(CONTRACT_V3.columns), CONTRACT_V3.digest) == (golden["columns"], golden["digest"])
    earlier = person_counts([history_of("demo-beta", DEMO_MOVES)])
    history = history_of("demo-alpha", DEMO_MOVES)
    for name, remembered in (("rows", None), ("rows_with_memory", earlier)):
        assert rows_of([history], [remembered or [0] * 150]) == golden[name]


def test_every_column_has_a_meaning_and_habits_read_as_sentences() -> None:
    assert all(meaning(column) for column in CONTRACT_V3.columns)
    known = GameSteps()
    # Rock loses to paper, and the person moves up each time: from rock to paper, to scissors, to rock.
    for number in range(6):
        known.update(number % 3, (number + 1) % 3, (1.0, 1.0, 1.0), 0.0, 0.0)
    row = dict(zip(CONTRACT_V3.columns, known.row((1.0, 1.0, 1.0)), strict=True))
    assert [habit.text for habit in habits_of(row)] == [
        "After a loss you moved up 5 of 5 times",
        "After a move up you moved up 4 of 4 times",
        "After a loss, a move up and a loss you moved up 4 of 4 times",
        "After the same two moves you moved up 1 of 1 times",
    ]
    assert habits_of(dict(zip(CONTRACT_V3.columns, GameSteps().row((1.0, 1.0, 1.0)), strict=True))) == []


def test_one_habit_to_work_on_is_the_one_furthest_from_play_without_habits() -> None:
    def habit(users: str, bots: str, games: int = 1) -> str | None:
        known = GameSteps()
        for user, bot in zip(users, bots, strict=True):
            known.update(int(user), int(bot), (1.0, 1.3, 1.8), 0.0, 0.0)
        return habit_to_work_on(known.person, games)

    # After each loss comes the move that beats the last one; without a loss, there is no pattern.
    assert habit("0112012001012", "1021120211122") == (
        "One habit to work on: after a loss, you played the move that beats your last one 8 of 8 times."
    )
    assert habit("222222222", "012012012", games=3) == (
        "One habit to work on: you played the move worth most 9 of 9 times in your last 3 games."
    )
    assert habit("000", "111") is None
    # Perfect play takes the move worth least most often, so 7 of 13 times are not a habit.
    assert habit("0010120200201", "1110021022000") is None
