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


def test_the_session_code_skips_other_characters_and_is_upper_case() -> None:
    assert session_code("a1-b2") == "A1B"
