"""Display names of players and sessions."""

import pytest

from rps_core.game.players import display_name_for, session_code

SESSION = "356296e3-0000-4000-8000-000000000000"


@pytest.mark.parametrize("name", [None, "", "  ", "Player", "PLAYER", " player "])
def test_a_player_without_a_name_is_named_after_the_session(name: str | None) -> None:
    assert display_name_for(name, SESSION) == "Player-356"


@pytest.mark.parametrize(
    ("session", "name"), [(None, "Player"), ("", "Player"), ("--a-b", "Player-AB"), ("---", "Player----")]
)
def test_unusual_sessions_still_give_a_name(session: str | None, name: str) -> None:
    assert display_name_for(None, session) == name


def test_a_name_is_cut_to_32_printable_characters() -> None:
    assert display_name_for("  Mira\n\x00 ", SESSION) == "Mira"
    assert display_name_for("x" * 100, SESSION) == "x" * 32


@pytest.mark.parametrize("name", ["👨‍👩‍👧‍👦", "می‌خواهم", "क्‍ष", "👩🏽‍🚀 Sally"])
def test_joiners_inside_of_a_name_stay(name: str) -> None:
    assert display_name_for(name, SESSION) == name


@pytest.mark.parametrize(("name", "shown"), [("B\u200dob", "Bob"), ("\u200d\u200c", "Player-356"), ("ab\u200c", "ab")])
def test_joiners_without_a_meaning_are_left_out(name: str, shown: str) -> None:
    assert display_name_for(name, SESSION) == shown


def test_a_long_name_is_not_cut_inside_of_a_character() -> None:
    assert display_name_for("x" * 28 + "👨‍👩‍👧‍👦", SESSION) == "x" * 28
    assert display_name_for("x" * 31 + "e\u0301", SESSION) == "x" * 31
    assert len(display_name_for("\u0301" * 100, SESSION)) == 32


def test_the_session_code_skips_other_characters_and_is_upper_case() -> None:
    assert session_code("a1-b2") == "A1B"
