"""The eight scripted players: each rule against cases derived by hand."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from rps_core.game.moves import MOVES, Move, hunter, round_result
from rps_core.game.scoring import PlayedRound, Points, round_points
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS, OwnRound, decide, display_name, from_user_side

# rock is best, paper lowest, scissors middle.
POINTS: Points = (2.0, 1.0, 1.5)
NARROW: Points = (1.6, 1.0, 1.1)
GOLDEN = Path(__file__).parents[2] / "golden" / "scripted_players.json"


def own(own_move: Move, opp_move: Move, score: tuple[float, float] = (0.0, 0.0), points: Points = POINTS) -> OwnRound:
    return OwnRound(own_move, opp_move, round_result(own_move, opp_move), *score, points)


LOST = own("rock", "paper")
WON = own("rock", "scissors")
DRAWN = own("rock", "rock")


def move_of(player: str, history: list[OwnRound], points: Points = POINTS, seed: int = 0) -> Move:
    return decide(player, history, points, Random(seed))


def test_there_are_eight_players_with_capitalised_names() -> None:
    names = [display_name(player) for player in SCRIPTED_PLAYERS]
    assert names == ["Ace", "Bob", "Cal", "Dan", "Edd", "Fox", "Gus", "Hal"]


def test_a_player_sees_a_round_from_the_side_of_the_user() -> None:
    played = PlayedRound(1, "rock", "paper", POINTS, 0.0, 1.9)
    assert from_user_side([played]) == [OwnRound("rock", "paper", "lose", 0.0, 1.9, POINTS)]


@pytest.mark.parametrize(
    ("history", "move"), [([], "rock"), ([LOST, DRAWN, LOST], "rock"), ([LOST, WON], "rock"), ([LOST], "scissors")]
)
def test_ace_beats_the_last_move_unless_losing(history: list[OwnRound], move: Move) -> None:
    assert move_of("ace", history) == move


def test_bob_rotates_highest_lowest_middle() -> None:
    assert [move_of("bob", [WON] * rounds) for rounds in range(4)] == ["rock", "paper", "scissors", "rock"]


def test_bob_counters_the_opponents_favourite_tier_after_two_losses() -> None:
    # The opponent played the lowest move twice under other points; today's lowest is paper.
    other: Points = (1.0, 1.5, 2.0)
    history = [own("scissors", "rock", points=other), own("scissors", "rock", points=other), WON]
    assert move_of("bob", history) == hunter("paper")


def test_cal_plays_the_lowest_move_unless_three_losses_in_a_row() -> None:
    assert move_of("cal", []) == "paper"
    assert move_of("cal", [LOST, LOST]) == "paper"
    assert move_of("cal", [LOST, LOST, LOST]) == "rock"
    assert move_of("cal", [LOST, LOST, LOST, WON]) == "paper"


def test_dan_follows_the_base_weights_of_the_best_value() -> None:
    random = Random(42)
    drawn = Counter(decide("dan", [], (1.6, 1.0, 1.1), random) for _ in range(20_000))
    assert [round(drawn[move] / 20_000, 1) for move in MOVES] == [0.2, 0.3, 0.5]


def test_dan_prefers_the_best_move_after_a_loss() -> None:
    drawn = Counter(move_of("dan", [own("rock", "paper", (0.0, 1.0))], NARROW, seed) for seed in range(8000))
    # Weights: 0.20 + 0.15 for the loss, 0.30 + 0.10 for trailing, and 0.50, of 1.25 in total.
    assert [drawn[move] / 8000 for move in MOVES] == pytest.approx([0.28, 0.32, 0.40], abs=0.02)


def test_edd_counters_the_favourite_and_plays_the_best_after_a_loss() -> None:
    assert move_of("edd", []) == "rock"
    assert move_of("edd", [LOST]) == "rock"
    assert move_of("edd", [own("paper", "paper"), own("rock", "scissors"), own("rock", "scissors")]) == "rock"
    # Equal counts: the move seen last is the favourite.
    assert move_of("edd", [own("rock", "scissors"), own("paper", "rock")]) == "paper"


def test_fox_plays_the_lowest_move_in_the_lead_and_counters_the_rarest_move_when_behind() -> None:
    assert move_of("fox", []) == "scissors"
    assert move_of("fox", [own("rock", "scissors", (2.0, 0.0))]) == "paper"
    behind = [own("rock", "paper", (0.0, 1.0)), own("rock", "paper", (0.0, 2.0)), own("rock", "rock", (0.5, 2.5))]
    assert move_of("fox", behind) == hunter("rock")


def test_gus_plays_the_best_move_when_values_are_far_apart() -> None:
    assert move_of("gus", [WON]) == "rock"


def test_gus_plays_at_random_after_two_losses_in_a_row() -> None:
    assert {move_of("gus", [LOST, LOST], seed=seed) for seed in range(50)} == set(MOVES)


def test_gus_counters_repetition_when_values_are_close() -> None:
    assert move_of("gus", [own("rock", "paper"), own("paper", "paper")], NARROW) == "scissors"
    mixed = [own("rock", "rock"), own("rock", "rock"), own("rock", "scissors")]
    assert move_of("gus", mixed, NARROW) == hunter("rock")
    spread = [own("rock", "rock"), own("rock", "scissors"), own("scissors", "paper")]
    assert move_of("gus", spread, NARROW) == hunter("paper")


def test_hal_plays_the_middle_and_imitates_after_three_losses() -> None:
    assert move_of("hal", []) == "scissors"
    assert move_of("hal", [own("rock", "paper"), own("scissors", "rock"), own("rock", "paper")]) == "paper"


def test_an_unknown_player_is_an_error() -> None:
    with pytest.raises(KeyError):
        move_of("zoe", [])


def golden_moves() -> dict[str, list[Move]]:
    """Return the moves of each player in one long fixed game against a fixed opponent."""
    result: dict[str, list[Move]] = {}
    for player in SCRIPTED_PLAYERS:
        random, history = Random(f"golden-{player}"), list[OwnRound]()
        own_score = opp_score = 0.0
        for round_no in range(1, 41):
            points = round_points("golden-game", round_no)
            move = decide(player, history, points, random)
            opp = MOVES[(round_no * round_no + round_no // 3) % 3]
            result.setdefault(player, []).append(move)
            own_score += move == hunter(opp)
            opp_score += opp == hunter(move)
            history.append(OwnRound(move, opp, round_result(move, opp), own_score, opp_score, points))
    return result


def test_forty_rounds_of_each_player_equal_the_golden_file() -> None:
    assert golden_moves() == json.loads(GOLDEN.read_text())
