"""Which games suffice for the first training, and what to do if they do not."""

import pytest

from rps_core.first_training import first_training_fault
from rps_core.settings import load_settings


@pytest.mark.parametrize(
    ("scripted", "people", "settings", "fault"),
    [
        (600, 0, {}, None),
        (120, 0, {"training_scripted_game_stride": 1}, None),
        (0, 34, {}, None),
        (
            120,
            0,
            {},
            "120 scripted games make about 216 examples, as one scripted game in 5 trains "
            "(TRAINING_LEGACY_GAME_STRIDE); the first training waits for 300 (MIN_TOTAL_ROWS); set RPS_BOOTSTRAP_GAMES "
            "to at least 170, or play: 10 games of people, or 50 scripted ones, make the rest",
        ),
        (20, 0, {"training_scripted_game_stride": 1}, "20 scripted games make about 180 examples; the first"),
        (600, 0, {"min_total_examples": 5_000}, "set RPS_BOOTSTRAP_GAMES to at least 2780"),
        (600, 0, {"min_total_examples": 10, "min_examples": 1_200}, "waits for 1200"),
        (600, 0, {"max_usable_rows": 310}, "set MAX_USABLE_ROWS to at least 320"),
        (120, 9, {}, "120 scripted games and 9 of people make about 297 examples"),
        (120, 9, {}, "1 game of people, or 5 scripted ones, make"),
    ],
)
def test_games_that_do_not_suffice_are_reported_with_what_to_do(
    scripted: int, people: int, settings: dict[str, int], fault: str | None
) -> None:
    found = first_training_fault(scripted, people, load_settings(**settings).training)
    if fault is None:
        assert found is None
    else:
        assert found is not None
        assert fault in "; ".join(found)
