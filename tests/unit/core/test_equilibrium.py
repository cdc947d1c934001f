"""The solved game: its table against its own equation, perfect play by duality, the budget by exact expectation."""

from functools import cache
from random import Random

import pytest

from rps_core.game.equilibrium import Mixture, Stakes, safe_response, settle_budget, stakes_of, win_table
from rps_core.game.equilibrium.table import TARGET, value_patterns
from rps_core.game.moves import HUNTER_INDEX, PREY_INDEX
from rps_core.game.scoring import in_points, play_round, round_points, tenths

TABLE = win_table()
MOVES = range(3)


def rotations() -> list[tuple[float, tuple[int, int, int]]]:
    """The fifteen values of a round with their probabilities."""
    return [
        (weight / 3, values[shift:] + values[:shift])  # type: ignore[misc]
        for weight, values in value_patterns()
        for shift in MOVES
    ]


def random_stakes(random: Random) -> Stakes:
    _, values = random.choice(rotations())
    return stakes_of(TABLE, random.randrange(TARGET), random.randrange(TARGET), values)


def random_forecast(random: Random) -> Mixture:
    first, second, third = (random.expovariate(1) for _ in MOVES)
    total = first + second + third
    return first / total, second / total, third / total


def scores_after(user: int, bot: int, values: tuple[int, int, int], moves: tuple[int, int]) -> tuple[int, int]:
    user_move, bot_move = moves
    if user_move == bot_move:
        return user + 5, bot + 5
    if PREY_INDEX[user_move] == bot_move:
        return user + values[user_move], bot
    return user, bot + values[bot_move]


def test_the_table_is_symmetric_and_grows_with_the_bots_score() -> None:
    assert TABLE.at(0, 0) == 0.5
    assert TABLE.size_bytes <= 200_000
    for user in range(TARGET):
        for bot in range(TARGET):
            here = TABLE.at(user, bot)
            assert here + TABLE.at(bot, user) == pytest.approx(1, abs=1e-14)
            assert TABLE.at(user + 1, bot) <= here <= TABLE.at(user, bot + 1)
    assert (TABLE.at(100, 100), TABLE.at(105, 104), TABLE.at(99, 101)) == (0.5, 0.0, 1.0)


def test_the_patterns_are_those_that_the_rules_draw() -> None:
    drawn = {tuple(tenths(value) for value in round_points(f"game-{number}", 1)) for number in range(500)}
    assert drawn == {values for _, values in rotations()}
    assert sum(weight for weight, _ in rotations()) == pytest.approx(1)


def test_each_entry_is_the_mean_over_perfect_rounds() -> None:
    random = Random(1)
    for _ in range(200):
        user, bot = random.randrange(TARGET), random.randrange(TARGET)
        mean = sum(weight * stakes_of(TABLE, user, bot, values).win_probability for weight, values in rotations())
        assert mean == pytest.approx(TABLE.at(user, bot), abs=1e-12)


def test_stakes_follow_the_rules_of_scoring() -> None:
    random = Random(2)
    for _ in range(200):
        user, bot = random.randrange(TARGET), random.randrange(TARGET)
        _, values = random.choice(rotations())
        stakes = stakes_of(TABLE, user, bot, values)
        user_move, bot_move = random.choice(("rock", "paper")), random.choice(("rock", "paper"))
        outcome = play_round(in_points(user), in_points(bot), user_move, bot_move, tuple(map(in_points, values)))  # type: ignore[arg-type]
        after = TABLE.at(tenths(outcome.user_score), tenths(outcome.bot_score))
        pure = tuple(float(index == ("rock", "paper").index(bot_move)) for index in MOVES)
        added = stakes.against_user_moves(pure)[("rock", "paper").index(user_move)]  # type: ignore[arg-type]
        assert stakes.draw + added == pytest.approx(after, abs=1e-15)


def test_perfect_play_of_both_sides_proves_the_value_of_every_round() -> None:
    """The bot's mixture guarantees the value from below and the user's from above, so it is the linear program's."""
    random = Random(3)
    for _ in range(500):
        stakes = random_stakes(random)
        guaranteed = stakes.against_user_moves(stakes.bot_mixture)
        conceded = stakes.against_forecast(stakes.user_mixture)
        assert guaranteed == pytest.approx([stakes.value] * 3, abs=1e-12)
        assert conceded == pytest.approx([stakes.value] * 3, abs=1e-12)
        assert min(*stakes.bot_mixture, *stakes.user_mixture) > 0
        assert sum(stakes.bot_mixture) == pytest.approx(1)


def test_the_best_reply_to_perfect_play_wins_exactly_half() -> None:
    @cache
    def best_reply(user: int, bot: int) -> float:
        """The user's win probability if it always knows the mixture and looks ahead to the end."""
        if max(user, bot) >= TARGET:
            return 1 - TABLE.at(user, bot)
        return sum(weight * best_in_round(user, bot, values) for weight, values in value_patterns())

    def best_in_round(user: int, bot: int, values: tuple[int, int, int]) -> float:
        mixture = stakes_of(TABLE, user, bot, values).bot_mixture
        return max(
            sum(mixture[move] * best_reply(*scores_after(user, bot, values, (choice, move))) for move in MOVES)
            for choice in MOVES
        )

    assert best_reply(0, 0) == pytest.approx(0.5, abs=1e-12)


def test_no_safe_mixture_beats_the_safe_response() -> None:
    random = Random(4)
    grid = [(a / 20, b / 20, (20 - a - b) / 20) for a in range(21) for b in range(21 - a)]
    for _ in range(150):
        stakes, forecast = random_stakes(random), random_forecast(random)
        budget = random.choice((0.0, 1e-4, 0.01, 0.05, 0.3))
        floor, worth = stakes.value - budget, stakes.against_forecast(forecast)
        response = safe_response(stakes, forecast, budget)
        assert sum(response) == pytest.approx(1)
        assert min(response) >= 0
        assert min(stakes.against_user_moves(response)) >= floor - 1e-9
        reached = sum(share * gain for share, gain in zip(response, worth, strict=True))
        perfect = stakes.bot_mixture
        for other in grid:
            # Moved towards perfect play until it is safe, each point of the grid is a point of the polygon's edge.
            lost = stakes.value - min(stakes.against_user_moves(other))
            kept = 1.0 if lost <= budget else budget / lost
            safe = tuple(kept * share + (1 - kept) * own for share, own in zip(other, perfect, strict=True))
            assert sum(share * gain for share, gain in zip(safe, worth, strict=True)) <= reached + 1e-9


def test_without_a_budget_the_response_is_perfect_play_and_with_much_it_is_the_best_move() -> None:
    stakes = stakes_of(TABLE, 30, 42, (10, 13, 18))
    assert safe_response(stakes, (0.8, 0.1, 0.1), 0.0) == stakes.bot_mixture
    assert safe_response(stakes, (0.8, 0.1, 0.1), 1.0) == (0.0, 1.0, 0.0)


def test_win_probability_less_the_budget_keeps_its_expectation_whatever_the_user_does() -> None:
    random = Random(5)
    for _ in range(40):
        user = bot = 0
        budget = 0.05
        while max(user, bot) < TARGET:
            _, values = random.choice(rotations())
            stakes = stakes_of(TABLE, user, bot, values)
            mixture = safe_response(stakes, random_forecast(random), budget / 2)
            choice = random.randrange(3)
            after = [TABLE.at(*scores_after(user, bot, values, (choice, move))) for move in MOVES]
            expected = sum(share * win for share, win in zip(mixture, after, strict=True))
            new = settle_budget(stakes, mixture, choice, budget)
            assert expected - new == pytest.approx(stakes.win_probability - budget, abs=1e-12)
            assert new >= 0
            move = random.choices(MOVES, mixture)[0]
            user, bot = scores_after(user, bot, values, (choice, move))
            budget = new


def test_a_move_wins_against_the_move_that_the_rules_say() -> None:
    stakes = Stakes((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), 0.0)
    for move in MOVES:
        pure: Mixture = tuple(float(index == move) for index in MOVES)  # type: ignore[assignment]
        against = stakes.against_user_moves(pure)
        assert against[PREY_INDEX[move]] == stakes.gains[move]
        assert against[HUNTER_INDEX[move]] == -stakes.losses[HUNTER_INDEX[move]]
        forecast = stakes.against_forecast(pure)
        assert forecast[HUNTER_INDEX[move]] == stakes.gains[HUNTER_INDEX[move]]
        assert forecast[PREY_INDEX[move]] == -stakes.losses[move]
