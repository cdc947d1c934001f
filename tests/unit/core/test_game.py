"""Moves, points, scoring, gambits and the bot's choice against the published test vectors."""

from collections import Counter
from random import Random

import pytest

from rps_core.errors import InvalidMove, UnknownPolicy
from rps_core.game.choice import UNIFORM, choose_move, expected_values, most_probable, sanitize_probabilities
from rps_core.game.gambits import GAMBITS, draw_gambit, resolve_gambit
from rps_core.game.moves import MOVES, hunter, parse_move, prey, round_result
from rps_core.game.opponents import POLICIES, opponent, opponent_of
from rps_core.game.scoring import MAX_ROUNDS, play_round, round_deltas, round_points

FIRST_ID = "00000000-0000-4000-8000-000000000001"


def test_each_move_beats_one_and_loses_to_one() -> None:
    assert {move: prey(move) for move in MOVES} == {"rock": "scissors", "paper": "rock", "scissors": "paper"}
    assert all(hunter(prey(move)) == move == prey(hunter(move)) for move in MOVES)
    assert round_result("rock", "scissors") == "win"
    assert round_result("rock", "paper") == "lose"
    assert round_result("rock", "rock") == "draw"


@pytest.mark.parametrize("text", ["rock", "ROCK", " Rock\n"])
def test_a_move_is_parsed_in_any_case(text: str) -> None:
    assert parse_move(text) == "rock"


@pytest.mark.parametrize("text", ["", "rocks", "lizard", "0", "rock paper", "\x00"])
def test_the_error_for_an_unknown_move_lists_the_known_moves(text: str) -> None:
    with pytest.raises(InvalidMove, match="choose one of rock, paper, scissors"):
        parse_move(text)


@pytest.mark.parametrize(
    ("game_id", "round_no", "points"),
    [
        ("demo-alpha", 1, (1.4, 1.9, 1.0)),
        ("demo-alpha", 2, (1.6, 1.0, 1.1)),
        ("demo-alpha", 3, (1.0, 1.3, 1.8)),
        ("demo-alpha", 4, (1.2, 1.7, 1.0)),
        ("demo-beta", 1, (1.0, 1.3, 1.8)),
        (FIRST_ID, 1, (1.2, 1.7, 1.0)),
        (FIRST_ID, 17, (1.1, 1.6, 1.0)),
    ],
)
def test_points_equal_the_published_vectors(game_id: str, round_no: int, points: tuple[float, ...]) -> None:
    assert round_points(game_id, round_no) == points


def test_points_follow_the_structure_of_the_rules() -> None:
    seen = set()
    for number in range(3000):
        points = round_points(f"game-{number}", number % 20 + 1)
        by_move = dict(zip(MOVES, points, strict=True))
        best, mid, low = sorted(MOVES, key=lambda move: -by_move[move])
        assert (prey(low), prey(best), prey(mid)) == (best, mid, low)
        assert by_move[low] == 1.0
        assert by_move[best] in {1.6, 1.7, 1.8, 1.9, 2.0}
        assert round(by_move[best] - by_move[mid], 9) == 0.5
        seen.add(points)
    assert len(seen) == 15


def test_the_winner_gains_the_value_of_its_move_and_a_draw_gives_half_a_point_each() -> None:
    points = (1.4, 1.9, 1.0)
    assert round_deltas("rock", "scissors", points) == (1.4, 0.0)
    assert round_deltas("rock", "paper", points) == (0.0, 1.9)
    assert round_deltas("paper", "paper", points) == (0.5, 0.5)


def test_a_sum_just_below_ten_counts_as_ten() -> None:
    score = 0.0
    for gain in (1.5, 1.3, 1.4, 1.4, 1.5, 1.7):
        score += gain
    outcome = play_round(score, 0.0, "rock", "scissors", (1.2, 1.7, 1.0))
    assert score + 1.2 < 10.0
    assert (outcome.user_score, outcome.finished, outcome.winner) == (10.0, True, "user")


def test_an_exact_tie_is_a_tie_in_whatever_order_its_points_came() -> None:
    """Summed as doubles, 1.1 + 1.1 + … and 1.6 + … give 10.1 and 10.099999999999998 for the same points."""
    random, decided = Random(5), Counter[str]()
    for number in range(4000):
        user = bot = exact_user = exact_bot = 0
        for round_no in range(1, MAX_ROUNDS + 1):
            points = round_points(f"tie-{number}", round_no)
            outcome = play_round(user, bot, random.choice(MOVES), random.choice(MOVES), points)
            user, bot = outcome.user_score, outcome.bot_score
            exact_user += round(10 * outcome.user_delta)
            exact_bot += round(10 * outcome.bot_delta)
            assert (user, bot) == (exact_user / 10, exact_bot / 10)
            if outcome.finished:
                break
        assert (outcome.winner == "tie") == (exact_user == exact_bot)
        decided[outcome.winner] += 1
    assert decided["tie"] > 4


def test_values_from_files_that_are_no_whole_tenths_add_up_as_they_are() -> None:
    assert play_round(1.2, 0.3, "rock", "scissors", (1.2345, 1.0, 1.0)).user_score == 1.2 + 1.2345


def test_a_score_above_ten_is_kept() -> None:
    assert play_round(9.5, 0.0, "rock", "scissors", (1.2, 1.7, 1.0)).user_score == 10.7


@pytest.mark.parametrize(
    ("user", "bot", "winner"), [(9.5, 9.5, "tie"), (9.9, 9.5, "user"), (9.5, 9.9, "bot"), (9.5, 3.0, "user")]
)
def test_a_draw_that_ends_the_game_is_won_by_the_higher_score(user: float, bot: float, winner: str) -> None:
    assert play_round(user, bot, "rock", "rock", (1.2, 1.7, 1.0)).winner == winner


def test_random_games_last_five_to_twenty_rounds_and_end_at_ten() -> None:
    random = Random(42)
    lengths = []
    for number in range(5000):
        user = bot = 0.0
        for round_no in range(1, MAX_ROUNDS + 1):
            outcome = play_round(
                user, bot, random.choice(MOVES), random.choice(MOVES), round_points(f"{number}", round_no)
            )
            user, bot = outcome.user_score, outcome.bot_score
            if outcome.finished:
                break
        assert outcome.finished
        assert max(user, bot) >= 10.0
        lengths.append(round_no)
    assert min(lengths) >= 5
    assert 13.5 < sum(lengths) / len(lengths) < 14.3


def test_twenty_draws_are_the_longest_game() -> None:
    user = bot = 0.0
    for round_no in range(1, 21):
        outcome = play_round(user, bot, "rock", "rock", (1.0, 1.3, 1.8))
        user, bot = outcome.user_score, outcome.bot_score
        assert outcome.finished == (round_no == 20)
    assert outcome.winner == "tie"


def test_gambits_have_the_published_weights() -> None:
    assert sum(gambit.weight for gambit in GAMBITS) == 100
    shares = [Counter[str]() for _ in range(3)]
    for gambit in GAMBITS:
        for counter, rank in zip(shares, gambit.ranks, strict=True):
            counter[rank] += gambit.weight
    assert [(c["highest"], c["middle"], c["lowest"]) for c in shares] == [(30, 30, 40), (20, 52, 28), (34, 18, 48)]


def test_gambits_are_drawn_by_weight() -> None:
    random = Random(42)
    drawn = Counter(draw_gambit(random).name for _ in range(20_000))
    for gambit in GAMBITS:
        assert abs(drawn[gambit.name] / 200 - gambit.weight) < 1.2


def test_a_gambit_becomes_the_moves_of_its_ranks_in_this_game() -> None:
    crescendo = next(gambit for gambit in GAMBITS if gambit.name == "crescendo")
    # Round 1 lowest is scissors (1.0), round 2 middle is scissors (1.1), round 3 highest is scissors (1.8).
    assert resolve_gambit("demo-alpha", crescendo) == ("scissors", "scissors", "scissors")
    denouement = next(gambit for gambit in GAMBITS if gambit.name == "denouement")
    assert resolve_gambit("demo-alpha", denouement) == ("paper", "scissors", "rock")


@pytest.mark.parametrize(
    ("scores", "values"), [((4.0, 5.5), (0.0025, 0.635, -0.5225)), ((8.5, 9.0), (-1.9725, 2.645, -5.5075))]
)
def test_expected_values_equal_the_worked_examples(scores: tuple[float, float], values: tuple[float, ...]) -> None:
    computed = expected_values((0.5, 0.2, 0.3), (1.4, 1.9, 1.0), *scores)
    assert computed == pytest.approx(values)
    assert choose_move((0.5, 0.2, 0.3), (1.4, 1.9, 1.0), *scores) == "paper"


def test_uniform_probabilities_choose_the_most_valuable_move_in_mid_game() -> None:
    for number in range(200):
        points = round_points(f"game-{number}", 5)
        assert choose_move(UNIFORM, points, 4.0, 4.0) == MOVES[points.index(max(points))]


def test_equal_values_are_chosen_in_canonical_order() -> None:
    assert choose_move(UNIFORM, (1.0, 1.0, 1.0), 0.0, 0.0) == "rock"
    assert most_probable((0.2, 0.4, 0.4)) == "paper"


def test_a_finishing_win_within_the_tolerance_earns_the_bonus() -> None:
    short_of_ten = 10.0 - 1.4 - 1e-9
    assert expected_values((0.0, 0.0, 1.0), (1.4, 1.9, 1.0), short_of_ten, 0.0)[0] == pytest.approx(11.4)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0, 1.0, 1.0], (0.5, 0.25, 0.25)),
        ([1.0], (1.0, 0.0, 0.0)),
        ([0.2, 0.2, 0.1, 9.0], (0.4, 0.4, 0.2)),
        ([], UNIFORM),
        ([0.0, 0.0, 0.0], UNIFORM),
        ([float("nan"), 0.5, 0.5], UNIFORM),
        ([float("inf"), 0.5, 0.5], UNIFORM),
        ([-0.1, 0.6, 0.5], UNIFORM),
    ],
)
def test_any_output_of_a_model_becomes_a_distribution(values: list[float], expected: tuple[float, ...]) -> None:
    assert sanitize_probabilities(values) == pytest.approx(expected)


def test_each_opponent_has_its_family() -> None:
    assert POLICIES == ("brian", "forrest", "logan")
    assert opponent(" Forrest ").family == "xgboost"
    assert opponent_of("multinomial_logistic").policy == "logan"


@pytest.mark.parametrize("policy", ["", "ace", "brian_easy", "BRIANN"])
def test_the_error_for_an_unknown_policy_lists_the_known_policies(policy: str) -> None:
    with pytest.raises(UnknownPolicy, match="choose one of brian, forrest, logan"):
        opponent(policy)
