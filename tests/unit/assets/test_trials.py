"""Ranking of trials, and what checks expect of the slots."""

from datetime import UTC, datetime

import pytest

from rps_assets.checks.promotion import expected_versions
from rps_assets.serving.model_registry import TrialRun
from rps_assets.training.intervals import Interval, intervals_plot, rate_interval
from rps_assets.training.parameters import configurations
from rps_assets.training.trials import standings
from rps_core.promotion.ledger_entry import AliasAssignment, LedgerEntry


def run(configuration: str, mean: float, spread: float = 0.02, test: float = 0.6, run_id: str = "r") -> TrialRun:
    metrics = {"cv_mean_acc": mean, "cv_std_acc": spread, "test_accuracy": test}
    return TrialRun(run_id, {"hyperparameter_config_id": configuration}, metrics)


def ranked(*runs: TrialRun) -> list[tuple[int, str, str]]:
    return [(one.place, one.configuration, one.run.run_id) for one in standings(runs, configurations())]


def test_the_larger_mean_comes_first_then_the_smaller_spread_then_the_better_holdout() -> None:
    found = ranked(
        run("xgb_c01", 0.60, 0.03), run("xgb_c02", 0.65), run("xgb_c03", 0.60, 0.01), run("xgb_c04", 0.60, 0.03, 0.7)
    )
    assert [name for _, name, _ in found] == ["xgb_c02", "xgb_c03", "xgb_c04", "xgb_c01"]
    assert [place for place, _, _ in found] == [1, 2, 3, 4]


def test_families_are_ranked_separately_by_the_newest_run_of_each_configuration() -> None:
    found = ranked(run("xgb_c01", 0.5, run_id="new"), run("xgb_c01", 0.9, run_id="old"), run("mn_c01", 0.4))
    assert (1, "xgb_c01", "new") in found
    assert (1, "mn_c01", "r") in found
    assert len(found) == 2


def test_runs_of_unknown_configurations_are_left_out() -> None:
    assert ranked(run("xgb_c99", 0.9)) == []


def entry(**moved: str) -> LedgerEntry:
    return LedgerEntry(
        model_type="xgboost",
        decision="alias_reorder",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        alias_assignments=tuple(
            AliasAssignment(alias=alias, version=version, changed=True) for alias, version in moved.items()
        ),
    )


@pytest.mark.parametrize(
    ("held", "replaced", "expected"),
    [
        ({"Production": "2"}, {}, "2"),
        # A version trained after the move replaced it.
        ({"Production": "7"}, {"7": "2"}, "7"),
        # Moved without a ledger entry.
        ({"Production": "1"}, {"1": "0"}, "2"),
        ({"Production": "7"}, {"7": None}, "2"),
    ],
)
def test_a_slot_should_hold_what_the_ledger_or_a_later_training_put_there(
    held: dict[str, str], replaced: dict[str, str | None], expected: str
) -> None:
    history = [entry(B="1"), entry(Production="2"), entry(Production="0")]
    assert expected_versions(history, held, replaced) == {"Production": expected}


def test_a_slot_that_the_ledger_never_moved_may_hold_any_version() -> None:
    assert expected_versions([], {"B": "3"}, {}) == {"B": "3"}


def test_an_interval_without_trials_is_0_to_1_and_can_be_drawn() -> None:
    assert rate_interval("none", 0, 0) == Interval("none", 0.0, 0.0, 1.0)
    for intervals in ([], [rate_interval("none", 0, 0), rate_interval("half", 5, 10)]):
        assert intervals_plot(intervals, "title", "what", 0.5).startswith(b"\x89PNG")
