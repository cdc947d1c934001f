"""Splits keep games whole, use each example once, and train on nothing from the future."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rps_assets.training.dataset import IntArray, NotEnoughExamples
from rps_assets.training.splits import Split, chronological_holdout, cross_validation_folds, production_split


def games_of(lengths: list[int]) -> IntArray:
    """Return the game number of each example for games of these lengths."""
    return np.repeat(np.arange(len(lengths)), lengths)


# A game has at most 20 rounds, the first three without an example. The shortest games end after five rounds.
lengths = st.lists(st.integers(2, 17), min_size=9, max_size=60)


def assert_parts_hold_whole_games_once(games: IntArray, *parts: IntArray) -> None:
    positions = np.concatenate(parts)
    assert sorted(positions.tolist()) == list(range(len(games)))
    in_parts = [set(games[part].tolist()) for part in parts]
    assert sum(map(len, in_parts)) == len(set(games.tolist()))


@given(lengths)
def test_the_holdout_keeps_games_whole_and_uses_each_example_once(lengths: list[int]) -> None:
    games = games_of(lengths)

    assert_parts_hold_whole_games_once(games, *chronological_holdout(games))


@given(lengths)
def test_no_holdout_part_is_empty_and_each_is_younger_than_the_one_before(lengths: list[int]) -> None:
    games = games_of(lengths)

    for earlier, later in pairwise(chronological_holdout(games)):
        assert games[earlier].max() < games[later].min()


@given(lengths)
def test_the_holdout_is_within_one_game_of_60_20_20(lengths: list[int]) -> None:
    split = chronological_holdout(games_of(lengths))

    total, longest = sum(lengths), max(lengths)
    assert abs(len(split.train) - 0.6 * total) <= longest
    assert abs(len(split.test) - 0.2 * total) <= longest


@given(lengths)
def test_the_production_split_validates_on_exactly_every_fifth_game(lengths: list[int]) -> None:
    games = games_of(lengths)

    split = production_split(games)

    assert_parts_hold_whole_games_once(games, split.train, split.validation)
    assert sorted(set(games[split.validation].tolist())) == list(range(4, len(lengths), 5))
    assert len(split.test) == 0


@given(lengths, st.integers(0, 2**31 - 1))
def test_the_folds_validate_each_example_once_and_share_no_game_with_their_training_part(
    lengths: list[int], seed: int
) -> None:
    games = games_of(lengths)

    folds = cross_validation_folds(games, seed)

    assert_parts_hold_whole_games_once(games, *(fold.validation for fold in folds))
    for fold in folds:
        assert_parts_hold_whole_games_once(games, fold.train, fold.validation)


@given(lengths, st.integers(0, 1000))
def test_folds_differ_by_no_more_than_the_longest_game(lengths: list[int], seed: int) -> None:
    sizes = [len(fold.validation) for fold in cross_validation_folds(games_of(lengths), seed)]

    assert max(sizes) - min(sizes) <= max(lengths)


def test_equal_seeds_give_equal_folds_and_another_seed_gives_others() -> None:
    games = games_of([10] * 30)

    first, again, other = (
        [fold.validation.tolist() for fold in cross_validation_folds(games, seed)] for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "split", [chronological_holdout, production_split, lambda games: cross_validation_folds(games, seed=1)]
)
@pytest.mark.parametrize("found", [0, 1, 4])
def test_the_error_for_too_few_games_has_the_number_found(split: object, found: int) -> None:
    with pytest.raises(NotEnoughExamples, match=rf" {found} games and needs 5 "):
        split(games_of([60] * found))  # type: ignore[operator]  # one of three functions of games


def test_five_equal_games_give_a_holdout_of_three_one_and_one() -> None:
    assert [len(part) for part in chronological_holdout(games_of([50] * 5))] == [150, 50, 50]


def test_splitting_leaves_the_game_numbers_as_they_were() -> None:
    games = games_of([7] * 12)
    games.setflags(write=False)

    splits = [chronological_holdout(games), production_split(games), *cross_validation_folds(games, seed=3)]

    assert all(isinstance(split, Split) for split in splits)
