"""Simulated people: their probabilities, their games, and one person who plays round by round."""

import numpy as np
import pytest

from rps_core.features.step_table import GameArrays
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound, play_round
from rps_core.simulation.people.crowd import WEIGHTS, Crowd
from rps_core.simulation.people.games import play_games
from rps_core.simulation.people.person import Person
from rps_core.simulation.people.population import Traits, draw_people, shipped_population
from rps_core.simulation.people.priors import VALUE_PRIORS, ValuePrior

POINTS = (1.0, 1.3, 1.8)
OWN = [0, 1, 1, 2, 0, 2, 2, 1, 0, 0, 1, 2]
OPPONENT = [2, 1, 0, 0, 1, 2, 1, 1, 0, 2, 2, 0]
# Of another implementation: type, level and weight of values; probabilities before rounds 1, 2, 3 and 13.
EXPECTED = {
    (0, 0, 0.0): [
        [0.275875, 0.413775, 0.31035],
        [0.189731747525, 0.407740133131, 0.402528119345],
        [0.330643346996, 0.247164234881, 0.422192418123],
        [0.500278167863, 0.286401976178, 0.213319855959],
    ],
    (1, 1, 1.5): [
        [0.632876538799, 0.041312429237, 0.325811031964],
        [0.700330255301, 0.041578683189, 0.25809106151],
        [0.681628785338, 0.018645456388, 0.299725758275],
        [0.899943758789, 0.016252281243, 0.083803959968],
    ],
    (5, 2, 3.0): [
        [0.052255836956, 0.940087354223, 0.007656808821],
        [0.049353574129, 0.94234224449, 0.008304181381],
        [0.098030615486, 0.889170058324, 0.012799326189],
        [0.125586984802, 0.867204275069, 0.007208740129],
    ],
}


def games_of(prior: ValuePrior, seed: int = 5, games: int = 400) -> GameArrays:
    random = np.random.default_rng(seed)
    return play_games(shipped_population(), draw_people(shipped_population(), prior, games, random), random)


def test_people_react_to_what_was_played_as_fitted() -> None:
    types, levels, weights = map(np.array, zip(*EXPECTED, strict=True))
    crowd = Crowd(shipped_population(), Traits(types, levels, weights))
    found = []
    for own, opponent in [*zip(OWN, OPPONENT, strict=True), (0, 0)]:
        found.append(crowd.probabilities(np.array([POINTS] * len(types))))
        crowd.observe(np.full(len(types), own), np.full(len(types), opponent))
    assert np.stack([found[round_no - 1] for round_no in (1, 2, 3, 13)], axis=1) == pytest.approx(
        np.array(list(EXPECTED.values())), abs=1e-6
    )


def test_the_shipped_parameters_name_their_source_and_are_whole() -> None:
    population = shipped_population()
    assert "Brockbank & Vul (2024)" in population.source
    assert (population.licence, population.fitted_by) == ("CC0-1.0", "tools/fit_people.py")
    assert {len(each.weights) for each in population.types} == {WEIGHTS}
    assert sum(population.first_move) == pytest.approx(1.0)
    assert sum(each.share for each in population.types) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("prior", VALUE_PRIORS)
def test_games_follow_the_rules_and_repeat_with_their_seed(prior: ValuePrior) -> None:
    games = games_of(prior)
    for one, other in zip(games, games_of(prior), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(games.user, games_of(prior, seed=6).user)
    ends = np.append(games.starts[1:], len(games.user))
    for start, end in zip(games.starts[:100], ends, strict=False):
        user = bot = 0.0
        for row in range(start, end):
            moves = MOVES[games.user[row]], MOVES[games.bot[row]]
            played = play_round(user, bot, *moves, tuple(games.points[row]))
            user, bot = played.user_score, played.bot_score
            assert (user, bot) == (games.user_score[row], games.bot_score[row])
            assert played.finished == (row == end - 1)


def test_people_who_weigh_values_leave_the_middle_move_out() -> None:
    """Some like the most valuable move, and some the move that beats it, which is worth the least."""
    middle = {}
    for prior in VALUE_PRIORS:
        games = games_of(prior)
        middle[prior] = float((games.points.argsort(1)[:, 1] == games.user).mean())
    assert abs(middle["none"] - 1 / 3) < 0.03
    assert middle["none"] > middle["moderate"] + 0.02 > middle["strong"] + 0.04


def test_classic_games_have_no_values() -> None:
    population, random = shipped_population(), np.random.default_rng(1)
    traits = draw_people(population, "strong", 6, random)
    games = play_games(population, traits, random, classic=np.array([True, False] * 3))
    number = np.repeat(np.arange(6), np.diff(np.append(games.starts, len(games.user))))
    assert (games.points[number % 2 == 0] == 1.0).all()
    assert (games.points[number % 2 == 1].max(1) > 1.5).all()


def test_a_person_takes_in_each_round_once_and_starts_each_game_anew() -> None:
    rounds: list[PlayedRound] = []
    games = []
    for _ in range(2):
        person = Person(np.random.default_rng(3))
        for _ in range(2):
            person.start_game()
            rounds, user, bot = [], 0.0, 0.0
            for own, opponent in zip(OWN, OPPONENT, strict=True):
                person.choose(rounds, POINTS)
                moves = MOVES[own], MOVES[opponent]
                outcome = play_round(user, bot, *moves, POINTS)
                user, bot = outcome.user_score, outcome.bot_score
                rounds.append(PlayedRound(len(rounds) + 1, *moves, POINTS, user, bot))
            games.append(person.probabilities(rounds, POINTS))
    assert games[0] == games[1] == games[2] == games[3]
