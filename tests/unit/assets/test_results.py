"""The metadata of a check's result."""

import pytest

from rps_assets.checks.results import check_result, figures_of
from rps_assets.metadata.figures import readable


@pytest.mark.parametrize(
    ("found", "figures"),
    [
        ({"rock": 0.33333333, "paper": 0.5}, {"rock": 0.3333, "paper": 0.5}),
        ({"B": {"test_accuracy": 0.5}}, {"B.test_accuracy": 0.5}),
        ({"runs": ["a", "b"], "markers": {"a": "x"}, "all_finite": True}, {"runs.count": 2, "markers.count": 1}),
        ({"xgboost@B": "7", "xgboost@Production": "8"}, {"count": 2}),
        ({"damaged_slots": []}, {"damaged_slots.count": 0}),
        ({"first": None, "columns": 50}, {"columns": 50}),
        (7, {"value": 7}),
        ({"examples": 123456}, {"examples": 123456}),
        ("nothing", {}),
    ],
)
def test_each_number_found_is_a_figure_and_a_list_counts(found: object, figures: dict[str, float]) -> None:
    assert figures_of(found) == figures


def test_a_result_shows_expected_and_found_whole_too() -> None:
    result = check_result(False, sentence="49 of 50 columns.", expected={"columns": 50}, found={"columns": 49})
    assert result.description == "49 of 50 columns."
    assert {name: value.value for name, value in result.metadata.items()} == {
        "comparison": "|  | expected | found |\n|---|---|---|\n| columns | 50 | 49 |",
        "differs_in": "columns",
        "expected": {"columns": 50},
        "found": {"columns": 49},
        "columns": 49,
    }


def test_values_with_different_keys_are_not_compared_by_key() -> None:
    assert "differs_in" not in check_result(True, sentence="", expected={"least": 0.1}, found={"rock": 0.3}).metadata
    assert (
        check_result(True, sentence="", expected={"a": [1]}, found={"a": [1]}).metadata["differs_in"].value == "nothing"
    )


@pytest.mark.parametrize(
    ("value", "shown"), [(0.658273381294964, 0.6583), (1.2817e-7, 1.282e-7), (3.2624, 3.262), (0.0, 0.0), (1437, 1437)]
)
def test_figures_have_four_significant_digits(value: float, shown: float) -> None:
    assert readable(value) == shown
