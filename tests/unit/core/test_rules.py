"""Rules of choice: their setting, the draw of a move, and the parts of a result."""

import pytest

from rps_core.errors import SettingsError
from rps_core.game.accounting import round_chances
from rps_core.game.rules import DEFAULT_RULES, draw_move, parse_rules, round_stakes
from rps_core.settings import load_settings
from tests.builders.games import DEMO_MOVES, history_of


def test_an_opponent_that_the_setting_leaves_out_keeps_its_default() -> None:
    assert parse_rules("") == DEFAULT_RULES
    assert parse_rules(" forrest : equilibrium ,") == DEFAULT_RULES | {"forrest": "equilibrium"}
    assert load_settings(choice_rules="logan:expected_value").play.choice_rule("logan") == "expected_value"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("forest:banked", "unknown opponent 'forest'; choose one of brian, forrest, logan"),
        ("brian:greedy", "unknown rule 'greedy' for brian; choose one of win_probability, banked"),
        ("brian", "unknown rule for brian"),
        ("brian:hunter-2", "unknown rule for brian"),
        ("brian:banked,brian:equilibrium", "two rules for brian"),
    ],
)
def test_a_wrong_rule_is_named_with_the_choices(text: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPS_CHOICE_RULES", text)
    with pytest.raises(SettingsError, match=f"RPS_CHOICE_RULES has .*{fault}"):
        load_settings()


@pytest.mark.parametrize(
    ("draw", "move"), [(0.0, "rock"), (0.2499, "rock"), (0.25, "paper"), (0.7499, "paper"), (0.75, "scissors")]
)
def test_a_draw_falls_on_a_move_by_its_share(draw: float, move: str) -> None:
    assert draw_move((0.25, 0.5, 0.25), draw) == move


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
def test_a_move_without_a_share_is_never_drawn(draw: float) -> None:
    assert draw_move((0.0, 1.0, 0.0), draw) == "paper"
    assert draw_move((0.0, 0.0, 1.0), draw) == "scissors"
    assert draw_move((0.3, 0.7 - 2**-53, 0.0), draw) in {"rock", "paper"}


def test_luck_and_skill_of_all_rounds_add_up_to_the_result() -> None:
    history = history_of("demo-alpha", DEMO_MOVES * 3)
    end = next(index for index, played in enumerate(history) if max(played.user_score, played.bot_score) >= 10)
    total, before = 0.5, (0.0, 0.0)
    for played in history[: end + 1]:
        part = round_chances(before, played, (0.2, 0.3, 0.5), (0.5, 0.25, 0.25))
        assert part is not None
        assert part.chosen <= part.best
        assert part.bits is not None
        total += (part.shown - part.before) + (part.chosen - part.shown) + (part.after - part.chosen)
        before = (played.user_score, played.bot_score)
    last = history[end]
    assert total == pytest.approx(1.0 if last.user_score > last.bot_score else 0.0)


def test_values_of_other_games_have_no_win_probability() -> None:
    assert round_stakes(0.0, 0.0, (1.0, 1.0, 1.0)) is None
    assert round_stakes(10.0, 0.0, (1.0, 1.3, 1.8)) is None
    assert round_stakes(9.9, 9.9, (1.0, 1.3, 1.8)) is not None
