"""The feature contract, and one row of features against the published example and the golden file."""

import json
from pathlib import Path

import pytest

from rps_core.features.contract import CONTRACT_V2, CONTRACTS, CURRENT_CONTRACT
from rps_core.features.history import features_from_history
from rps_core.game.scoring import round_points
from tests.builders.games import DEMO_MOVES, history_of

GOLDEN = Path(__file__).parents[3] / "golden" / "features_v2.json"


def demo_row(round_no: int) -> dict[str, float]:
    history = history_of("demo-alpha", DEMO_MOVES)[: round_no - 1]
    row = features_from_history(history, round_points("demo-alpha", round_no), round_no)
    return dict(zip(CONTRACT_V2.columns, row, strict=True))


def bits(text: str) -> list[float]:
    return [float(bit) for bit in text.replace(" ", "")]


def test_the_contract_has_fifty_columns_and_a_fixed_digest() -> None:
    assert len(CONTRACT_V2.columns) == len(set(CONTRACT_V2.columns)) == 50
    assert (CONTRACT_V2.columns[0], CONTRACT_V2.columns[48], CONTRACT_V2.columns[49]) == (
        "user_-1_rock",
        "step_no",
        "easy_mode",
    )
    assert CONTRACT_V2.digest == json.loads(GOLDEN.read_text())["digest"]
    assert CONTRACTS == {2: CONTRACT_V2, 3: CURRENT_CONTRACT}


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
