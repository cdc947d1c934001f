"""The original's rule for names that statistics of people leave out."""

import pytest

from rps_core.store.counting import exclusion_reason


@pytest.mark.parametrize("name", ["Bob", "cal ", "HAL"])
def test_a_scripted_name_is_excluded(name: str) -> None:
    assert exclusion_reason(name) == "legacy"


@pytest.mark.parametrize(
    "name",
    ["sim1", "sim[42]", "sim(003)", "SIM-9", "sim_a1", "Simone2", "Simba2024", "simp one 2", "sim[x]"],
)
def test_a_simulated_name_is_excluded(name: str) -> None:
    assert exclusion_reason(name) == "simulated"


@pytest.mark.parametrize("name", ["bobby", "simone", "sim 9", "sim.1", "player-sim1", "Sim(1)x", "Mira"])
def test_a_name_of_a_person_is_kept(name: str) -> None:
    assert exclusion_reason(name) is None
