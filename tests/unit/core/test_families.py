"""Families, slots, and the draw of a game's alias."""

import uuid
from random import Random

import pytest

from rps_core.errors import UnknownModelSlot
from rps_core.game.families import (
    ALIASES,
    FAMILIES,
    REGISTERED_NAMES,
    SLOTS,
    draw_alias,
    parse_alias,
    parse_family,
    version_number,
)


def test_there_are_twelve_slots_with_the_form_family_at_alias() -> None:
    assert len(SLOTS) == len(set(SLOTS)) == len(FAMILIES) * len(ALIASES) == 12
    assert str(SLOTS[0]) == "xgboost@Production"


def test_each_family_has_its_own_registered_name() -> None:
    assert set(REGISTERED_NAMES) == set(FAMILIES)
    assert REGISTERED_NAMES["feedforward_nn"] == "rps_bot_feedforward"


def test_the_same_game_always_draws_the_same_alias() -> None:
    game_id = "00000000-0000-4000-8000-000000000001"
    assert {draw_alias(game_id, 0.5) for _ in range(20)} == {draw_alias(game_id, 0.5)}


@pytest.mark.parametrize(("share", "alias"), [(-1.0, "B"), (0.0, "B"), (1.0, "Production"), (2.0, "Production")])
def test_an_extreme_share_always_draws_the_same_alias(share: float, alias: str) -> None:
    assert {draw_alias(f"game-{number}", share) for number in range(200)} == {alias}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_draw_follows_the_share_over_many_games(share: float) -> None:
    random = Random(42)
    ids = [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(4000)]
    production = sum(draw_alias(game_id, share) == "Production" for game_id in ids)
    # Four standard deviations of a binomial with 4,000 draws.
    assert abs(production / 4000 - share) < 4 * (share * (1 - share) / 4000) ** 0.5


@pytest.mark.parametrize("text", ["", "production", "A", "shadow3"])
def test_the_error_for_an_unknown_alias_lists_the_known_aliases(text: str) -> None:
    with pytest.raises(UnknownModelSlot, match="known aliases: Production, B, shadow1, shadow2"):
        parse_alias(text)


def test_the_error_for_an_unknown_family_names_it() -> None:
    with pytest.raises(UnknownModelSlot, match="'feedforward'"):
        parse_family("feedforward")


@pytest.mark.parametrize(("version", "number"), [("12", 12), ("unknown", -1), ("", -1), ("²", -1), ("1.2", -1)])
def test_a_version_that_is_not_a_number_comes_before_all_numbers(version: str, number: int) -> None:
    assert version_number(version) == number
