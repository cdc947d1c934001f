"""Names of players."""

import pytest

from rps_core.game.players import display_name_for, session_code

SESSION = "356296e3-0000-4000-8000-000000000000"


@pytest.mark.parametrize("name", [None, "", "  ", "Player", "PLAYER", " player "])
def test_a_nameless_player_is_named_after_the_session(name: str | None) -> None:
    assert display_name_for(name, SESSION) == "Player-356"


@pytest.mark.parametrize(
    ("session", "name"), [(None, "Player"), ("", "Player"), ("--a-b", "Player-AB"), ("---", "Player----")]
)
def test_odd_sessions_still_give_a_name(session: str | None, name: str) -> None:
    assert display_name_for(None, session) == name


def test_a_name_is_trimmed_to_32_printable_characters() -> None:
    assert display_name_for("  Mira\n\x00 ", SESSION) == "Mira"
    assert display_name_for("x" * 100, SESSION) == "x" * 32


def test_the_session_code_is_the_one_in_the_name() -> None:
    assert session_code("a1-b2") == "A1B"
