"""Results of benchmarks: spreads, goals, cells, tables, and the page with them."""

import pytest

from benchmarks import page, report
from benchmarks.machine import facts
from benchmarks.report import Goal, Table, spread


def test_percentiles_use_the_nearest_rank() -> None:
    found = spread(range(100, 0, -1))

    assert found == {"median": 50.5, "p5": 6, "p95": 96, "p99": 100, "count": 100}


def test_the_spread_of_a_single_number_is_that_number() -> None:
    assert spread([7.0]) == {"median": 7.0, "p5": 7.0, "p95": 7.0, "p99": 7.0, "count": 1}


def test_a_spread_without_values_raises_a_clear_error() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


@pytest.mark.parametrize(
    ("goal", "ratio", "met", "target"),
    [
        (Goal("latency", 0.5, "ms", 1.0, baseline=20.0), 40.0, True, "≤ 1.00 ms"),
        (Goal("latency", 1.5, "ms", 1.0), None, False, "≤ 1.00 ms"),
        (Goal("rate", 1600.0, "/s", 1500, at_least=True, baseline=50.0, least_ratio=30), 32.0, True, None),
        (Goal("rate", 1600.0, "/s", 1500, at_least=True, baseline=100.0, least_ratio=30), 16.0, False, None),
        (Goal("rate", 1400.0, "/s", 1500, at_least=True, baseline=10.0, least_ratio=30), 140.0, False, None),
        (Goal("rate", 1600.0, "/s", 1500, at_least=True, least_ratio=30), None, False, None),
        (Goal("failed", 0, "", 0), None, True, "≤ 0"),
        (Goal("failed", 1, "", 0), None, False, "≤ 0"),
    ],
)
def test_a_goal_is_met_only_within_its_limit_and_its_ratio(
    goal: Goal, ratio: float | None, met: bool, target: str | None
) -> None:
    assert goal.ratio == ratio
    assert goal.is_met is met
    assert target in (None, goal.target)


def test_a_number_without_a_target_is_neither_met_nor_missed() -> None:
    assert report.goal_cells(Goal("import", 1.0, "s"))[-1] == ""


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        *((None, ""), ("rock", "rock"), (0, "0"), (0.0, "0"), (1_234_567, "1,234,567"), (123.7, "124")),
        *((99.94, "99.9"), (9.996, "10.0"), (1.5, "1.50"), (0.01234, "0.0123"), (0.00004567, "0.0000457")),
    ],
)
def test_cells_have_three_significant_digits_and_no_exponent(cell: report.Cell, text: str) -> None:
    assert report.formatted(cell) == text


def test_published_results_can_be_read_back_and_appear_in_terminal_and_page(tmp_path, capsys) -> None:
    table = Table("Times", ("part", "ms"), [["a round", 0.5], ["nothing", None]])
    goal = Goal("a round", 0.5, "ms", 1.0, baseline=10.0)
    report.publish("decision", [goal], [table], tmp_path)

    result = report.read("decision", tmp_path)
    assert result is not None
    goals, tables, machine = result
    assert goals == [goal]
    assert report.markdown_of(tables[0]) == "| part | ms |\n|---|---|\n| a round | 0.500 |\n| nothing |  |\n"
    assert machine["cores"] == facts()["cores"]
    assert "a round  0.500" in capsys.readouterr().out
    assert report.read("serving", tmp_path) is None


def test_filling_a_page_replaces_the_text_between_its_comments_and_is_idempotent(tmp_path) -> None:
    report.publish("decision", [Goal("a round", 2.0, "ms", 1.0)], [Table("Times", ("ms",), [[2.0]])], tmp_path)
    empty = "before\n<!-- results: decision -->\nold\n<!-- end -->\nand\n<!-- results: goals -->\n<!-- end -->\nafter"

    filled = page.filled(empty, tmp_path)

    assert "old" not in filled
    assert "**Times**\n\n| ms |\n|---|\n| 2.00 |\n" in filled
    assert "| a round | ≤ 1.00 ms | 2.00 ms |  |  | no |" in filled
    assert filled.startswith("before\n")
    assert filled.endswith("\nafter")
    assert page.filled(filled, tmp_path) == filled


def test_a_page_marks_missing_results_and_refuses_unknown_names(tmp_path) -> None:
    assert page.content("swap", tmp_path) == page.content("goals", tmp_path) == "Not measured yet.\n"
    with pytest.raises(ValueError, match="serving"):
        page.content("seving", tmp_path)


def test_the_published_page_agrees_with_the_result_files() -> None:
    text = page.PAGE.read_text()

    assert page.filled(text) == text, "run: python -m benchmarks.page"
