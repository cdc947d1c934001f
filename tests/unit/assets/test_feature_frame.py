"""Features of whole tables: they equal the rows that serving computes, bit for bit."""

from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rps_assets.datasets import feature_frame as feature_frame_module
from rps_assets.datasets.feature_frame import feature_frame
from rps_core.features.contract import CONTRACT_V2
from rps_core.features.history import features_from_history
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound
from tests.builders.games import DEMO_MOVES, Moves, history_of
from tests.builders.simulation import rounds_frame

move = st.sampled_from(MOVES)
games = st.lists(
    st.tuples(st.uuids(version=4).map(str), st.lists(st.tuples(move, move), min_size=1, max_size=20)),
    min_size=1,
    max_size=6,
    unique_by=lambda game: game[0],
)


def assert_frame_equals_rows(histories: dict[str, list[PlayedRound]], easy: int = 0) -> None:
    features = feature_frame(rounds_frame(histories, easy))
    assert tuple(features.columns) == ("game_id", "round_no", *CONTRACT_V2.columns, "label")
    rows = iter(features.iter_rows())
    for game_id, history in histories.items():
        for position, played in enumerate(history):
            expected = features_from_history(history[:position], played.points, played.round_no, bool(easy))
            # Equal floats have equal bits here, because neither NaN nor negative zero can occur.
            assert next(rows) == (game_id, played.round_no, *expected, MOVES.index(played.user_move))
    assert next(rows, None) is None


@settings(max_examples=250, deadline=None)
@given(games, st.integers(0, 1))
def test_rows_and_frame_are_equal_bit_for_bit(random_games: list[tuple[str, Moves]], easy: int) -> None:
    assert_frame_equals_rows({game_id: history_of(game_id, moves) for game_id, moves in random_games}, easy)


def test_rows_and_frame_are_equal_for_three_thousand_seeded_games() -> None:
    random = Random(20261124)
    histories = {
        f"game-{number}": history_of(
            f"game-{number}", [(random.choice(MOVES), random.choice(MOVES)) for _ in range(random.randint(1, 20))]
        )
        for number in range(3000)
    }
    assert_frame_equals_rows(histories)


def test_the_order_of_the_games_is_kept_and_rounds_are_sorted() -> None:
    rounds = rounds_frame({"z": history_of("z", DEMO_MOVES), "a": history_of("a", DEMO_MOVES)})
    shuffled = pl.concat([rounds.filter(pl.col("game_id") == "z").reverse(), rounds.filter(pl.col("game_id") == "a")])
    assert feature_frame(shuffled).equals(feature_frame(rounds))


def test_rounds_before_the_first_returned_one_still_count_as_history(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = rounds_frame(
        {"z": history_of("z", DEMO_MOVES), "a": history_of("a", DEMO_MOVES[:2]), "b": history_of("b", DEMO_MOVES)}
    )
    expected = feature_frame(rounds).filter(pl.col("round_no") >= 4)
    assert feature_frame(rounds, from_round=4).equals(expected)
    # Some parts then have no round to return.
    monkeypatch.setattr(feature_frame_module, "ROWS_A_PART", 1)
    assert feature_frame(rounds, from_round=4).equals(expected)


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
def test_the_error_for_a_broken_table_names_the_fault(fault: str, message: str) -> None:
    rounds = rounds_frame({"demo-alpha": history_of("demo-alpha", DEMO_MOVES)})
    broken = {
        "drop column": lambda: rounds.drop("bot_score"),
        "null": lambda: rounds.with_columns(user_score=pl.lit(None, pl.Float64)),
        "unknown move": lambda: rounds.with_columns(user_move=pl.lit("lizard")),
        "gap": lambda: rounds.filter(pl.col("round_no") != 2),
        "duplicate": lambda: pl.concat([rounds, rounds.head(1)]),
    }[fault]()
    with pytest.raises(ValueError, match=message):
        feature_frame(broken)
