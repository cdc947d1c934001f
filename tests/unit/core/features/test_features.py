"""The feature contract: one row, a whole frame, and their equality, bit for bit."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rps_core.features.contract import CONTRACT_V2, CURRENT_CONTRACT
from rps_core.features.history import features_from_history
from rps_core.game.moves import MOVES, Move
from rps_core.game.scoring import PlayedRound, play_round, round_points

GOLDEN = Path(__file__).parents[3] / "golden" / "features_v2.json"

Moves = list[tuple[Move, Move]]


def game_of(game_id: str, moves: Moves) -> list[PlayedRound]:
    """Play the moves under the real rules, on past the end of the game: the contract has no opinion on it."""
    history: list[PlayedRound] = []
    user = bot = 0.0
    for round_no, (user_move, bot_move) in enumerate(moves, start=1):
        points = round_points(game_id, round_no)
        outcome = play_round(user, bot, user_move, bot_move, points)
        user, bot = outcome.user_score, outcome.bot_score
        history.append(PlayedRound(round_no, user_move, bot_move, points, user, bot))
    return history


DEMO: Moves = [
    ("rock", "paper"),
    ("paper", "paper"),
    ("paper", "rock"),
    ("scissors", "scissors"),
    ("rock", "scissors"),
    ("scissors", "rock"),
]


def demo_row(round_no: int) -> dict[str, float]:
    history = game_of("demo-alpha", DEMO)[: round_no - 1]
    row = features_from_history(history, round_points("demo-alpha", round_no), round_no)
    return dict(zip(CONTRACT_V2.columns, row, strict=True))


def bits(text: str) -> list[float]:
    return [float(bit) for bit in text.replace(" ", "")]


def test_the_contract_has_fifty_columns_and_a_digest_that_never_changes() -> None:
    assert len(CONTRACT_V2.columns) == len(set(CONTRACT_V2.columns)) == 50
    assert (CONTRACT_V2.columns[0], CONTRACT_V2.columns[48], CONTRACT_V2.columns[49]) == (
        "user_-1_rock",
        "step_no",
        "easy_mode",
    )
    assert CONTRACT_V2.digest == json.loads(GOLDEN.read_text())["digest"]
    assert CURRENT_CONTRACT is CONTRACT_V2


@pytest.mark.parametrize(
    ("round_no", "user", "bot", "results"),
    [
        (1, "000 000 000", "000 000 000", "000 000 000"),
        (2, "100 000 000", "010 000 000", "010 000 000"),
        (4, "010 010 100", "100 010 010", "100 001 010"),
        (7, "001 100 001", "100 001 001", "010 100 001"),
    ],
)
def test_lag_one_is_the_newest_round(round_no: int, user: str, bot: str, results: str) -> None:
    row = list(demo_row(round_no).values())
    assert row[0:9] == bits(user)
    assert row[9:18] == bits(bot)
    assert row[18:27] == bits(results)


@pytest.mark.parametrize(
    ("round_no", "points", "shares", "state"),
    [
        (1, [(1.4, 1.9, 1.0)] * 4, [0, 0, 0, 0, 0, 0], [0, 10, 10, 1, 0]),
        (
            2,
            [(1.6, 1.0, 1.1), (1.4, 1.9, 1.0), (1.6, 1.0, 1.1), (1.6, 1.0, 1.1)],
            [1, 0, 0, 0, 0, 1],
            [-1.9, 10, 8.1, 2, 0],
        ),
        (
            4,
            [(1.2, 1.7, 1.0), (1.0, 1.3, 1.8), (1.6, 1.0, 1.1), (1.4, 1.9, 1.0)],
            [1 / 3, 2 / 3, 0, 0, 1 / 3, 2 / 3],
            [-0.6, 8.2, 7.6, 4, 0],
        ),
        (
            7,
            [(1.7, 1.0, 1.2), (1.0, 1.2, 1.7), (1.1, 1.6, 1.0), (1.2, 1.7, 1.0)],
            [1 / 3, 1 / 3, 1 / 3, 1 / 6, 1 / 3, 1 / 2],
            [-0.5, 6.6, 6.1, 7, 0],
        ),
    ],
)
def test_the_other_columns_equal_the_published_example(
    round_no: int, points: list[tuple[float, ...]], shares: list[float], state: list[float]
) -> None:
    row = list(demo_row(round_no).values())
    assert row[27:39] == [value for values in points for value in values]
    assert row[39:45] == pytest.approx(shares)
    assert row[45:50] == pytest.approx(state)


def test_an_easy_game_sets_the_last_column() -> None:
    assert features_from_history([], (1.0, 1.3, 1.8), 1, easy_mode=True)[49] == 1.0


def test_all_rows_of_the_golden_game_equal_the_golden_file() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert [list(demo_row(round_no).values()) for round_no in range(1, 8)] == golden["rows"]


move = st.sampled_from(MOVES)
games = st.lists(
    st.tuples(st.uuids(version=4).map(str), st.lists(st.tuples(move, move), min_size=1, max_size=20)),
    min_size=1,
    max_size=6,
    unique_by=lambda game: game[0],
)


def frame_of(histories: dict[str, list[PlayedRound]], easy: int = 0):  # type: ignore[no-untyped-def]
    import polars as pl

    return pl.DataFrame(
        [
            {
                "game_id": game_id,
                "round_no": played.round_no,
                "user_move": played.user_move,
                "bot_move": played.bot_move,
                **dict(zip(("rock_pts", "paper_pts", "scissors_pts"), played.points, strict=True)),
                "user_score": played.user_score,
                "bot_score": played.bot_score,
                "easy_mode": easy,
            }
            for game_id, history in histories.items()
            for played in history
        ]
    )


def assert_frame_equals_rows(histories: dict[str, list[PlayedRound]], easy: int = 0) -> None:
    from rps_assets.datasets.feature_frame import feature_frame

    features = feature_frame(frame_of(histories, easy))
    assert tuple(features.columns) == ("game_id", "round_no", *CONTRACT_V2.columns, "label")
    rows = iter(features.iter_rows())
    for game_id, history in histories.items():
        for position, played in enumerate(history):
            expected = features_from_history(history[:position], played.points, played.round_no, bool(easy))
            # Tuple equality on floats is equality of their bits here: no NaN and no negative zero may occur.
            assert next(rows) == (game_id, played.round_no, *expected, MOVES.index(played.user_move))
    assert next(rows, None) is None


@settings(max_examples=250, deadline=None)
@given(games, st.integers(0, 1))
def test_row_and_frame_are_equal_bit_for_bit(random_games: list[tuple[str, Moves]], easy: int) -> None:
    pytest.importorskip("polars")
    assert_frame_equals_rows({game_id: game_of(game_id, moves) for game_id, moves in random_games}, easy)


def test_row_and_frame_are_equal_over_three_thousand_seeded_games() -> None:
    pytest.importorskip("polars")
    random = Random(20261124)
    histories = {
        f"game-{number}": game_of(
            f"game-{number}", [(random.choice(MOVES), random.choice(MOVES)) for _ in range(random.randint(1, 20))]
        )
        for number in range(3000)
    }
    assert_frame_equals_rows(histories)


def test_the_order_of_the_games_is_kept_and_rounds_are_sorted() -> None:
    pl = pytest.importorskip("polars")
    from rps_assets.datasets.feature_frame import feature_frame

    rounds = frame_of({"z": game_of("z", DEMO), "a": game_of("a", DEMO)})
    shuffled = pl.concat([rounds.filter(pl.col("game_id") == "z").reverse(), rounds.filter(pl.col("game_id") == "a")])
    assert feature_frame(shuffled).equals(feature_frame(rounds))


def test_rounds_that_are_left_out_are_still_looked_back_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pl = pytest.importorskip("polars")
    from rps_assets.datasets import feature_frame as frame

    rounds = frame_of({"z": game_of("z", DEMO), "a": game_of("a", DEMO[:2]), "b": game_of("b", DEMO)})
    expected = frame.feature_frame(rounds).filter(pl.col("round_no") >= 4)
    assert frame.feature_frame(rounds, from_round=4).equals(expected)
    # A part that holds no such round at all.
    monkeypatch.setattr(frame, "ROWS_A_PART", 1)
    assert frame.feature_frame(rounds, from_round=4).equals(expected)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("drop column", "lacks the columns bot_score"),
        ("null", "nulls in the columns user_score"),
        ("unknown move", "'lizard' is not a move"),
        ("gap", "game demo-alpha are not 1, 2, 3 …: found round 3"),
        ("duplicate", "game demo-alpha are not 1, 2, 3"),
    ],
)
def test_a_broken_table_is_refused_with_the_fault(fault: str, message: str) -> None:
    pl = pytest.importorskip("polars")
    from rps_assets.datasets.feature_frame import feature_frame

    rounds = frame_of({"demo-alpha": game_of("demo-alpha", DEMO)})
    broken = {
        "drop column": lambda: rounds.drop("bot_score"),
        "null": lambda: rounds.with_columns(user_score=pl.lit(None, pl.Float64)),
        "unknown move": lambda: rounds.with_columns(user_move=pl.lit("lizard")),
        "gap": lambda: rounds.filter(pl.col("round_no") != 2),
        "duplicate": lambda: pl.concat([rounds, rounds.head(1)]),
    }[fault]()
    with pytest.raises(ValueError, match=message):
        feature_frame(broken)
