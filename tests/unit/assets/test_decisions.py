"""When the loop trains and serves."""

from datetime import UTC, datetime, timedelta

import pytest

from rps_assets.automation.decisions import (
    FamilyTraining,
    Gameplay,
    LoopRuns,
    RunIt,
    ServingState,
    Skip,
    decide_first_training,
    decide_retraining,
    decide_serving,
    retry_pause_seconds,
)
from rps_assets.promotion.due import FamilyDecision
from rps_core.game.families import FAMILIES, Family
from rps_core.settings import load_settings

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SETTINGS = load_settings(
    min_total_examples=300, min_new_examples=50, training_interval_seconds=1800, bootstrap_games=600
)
IDLE = LoopRuns()


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def play(examples: int = 1000, finished: int = 600, first: float = 60, last: float = 1) -> Gameplay:
    return Gameplay(examples, finished, ago(first), ago(last))


def first_training(gameplay: Gameplay, runs: LoopRuns = IDLE) -> RunIt | Skip:
    return decide_first_training(gameplay, runs, NOW, SETTINGS.training, SETTINGS.operations)


def retraining(new: int, trained: float, runs: LoopRuns = IDLE) -> RunIt | Skip:
    return decide_retraining(dict.fromkeys(FAMILIES, FamilyTraining(ago(trained), new)), runs, NOW, SETTINGS.training)


def test_the_first_training_waits_for_enough_examples_and_says_how_many() -> None:
    decision = first_training(play(examples=299))
    assert decision == Skip(
        "waiting for 1 more usable examples: 299 of 300 for the first training; about 1 game of people, or 5 scripted "
        "ones, make them"
    )


def test_an_empty_store_waits() -> None:
    assert isinstance(first_training(Gameplay(0, 0, None, None)), Skip)


def test_the_first_training_waits_for_the_bootstrap_although_it_has_enough_examples() -> None:
    decision = first_training(play(examples=300, finished=150))
    assert isinstance(decision, Skip)
    assert "150 of 600" in decision.reason


@pytest.mark.parametrize(
    "gameplay",
    [play(finished=600), play(finished=150, last=30), play(finished=150, first=600)],
    ids=["all bootstrap games are there", "the store is quiet", "it has waited long enough"],
)
def test_the_first_training_starts_when(gameplay: Gameplay) -> None:
    assert first_training(gameplay) == RunIt("training:first:0", "first training: 1000 usable examples")


def test_a_retraining_needs_new_examples_and_time() -> None:
    assert isinstance(retraining(new=49, trained=9999), Skip)
    assert isinstance(retraining(new=50, trained=1799), Skip)
    assert isinstance(retraining(new=50, trained=1800), RunIt)


def test_models_of_an_earlier_contract_are_trained_again_at_once_without_new_examples() -> None:
    families = dict.fromkeys(FAMILIES, FamilyTraining(ago(60), 0))
    assert isinstance(decide_retraining(families, IDLE, NOW, SETTINGS.training), Skip)
    families["xgboost"] = FamilyTraining(ago(60), 0, contract_version=2)
    due = decide_retraining(families, IDLE, NOW, SETTINGS.training)
    assert isinstance(due, RunIt)
    assert due.families == FAMILIES
    assert "features of version 2" in due.reason
    # After a failure it pauses, and tries again under another key.
    assert isinstance(decide_retraining(families, LoopRuns(None, 1, ago(5)), NOW, SETTINGS.training), Skip)
    again = decide_retraining(families, LoopRuns(None, 1, ago(100)), NOW, SETTINGS.training)
    assert isinstance(again, RunIt)
    assert again.run_key != due.run_key


def test_nothing_starts_while_a_run_is_in_progress() -> None:
    decision = retraining(new=500, trained=9999, runs=LoopRuns(in_progress="abcdefgh-1"))
    assert decision == Skip("waiting for run abcdefgh, which is queued or in progress")


def test_a_failed_training_is_tried_again_after_a_pause_without_new_examples() -> None:
    assert isinstance(retraining(new=0, trained=9999, runs=LoopRuns(None, 1, ago(59))), Skip)
    assert isinstance(retraining(new=0, trained=9999, runs=LoopRuns(None, 1, ago(60))), RunIt)


def test_a_failed_first_training_is_tried_again_after_a_pause() -> None:
    assert isinstance(first_training(play(), LoopRuns(None, 2, ago(119))), Skip)
    assert first_training(play(), LoopRuns(None, 2, ago(120))) == RunIt(
        "training:first:2", "first training: 1000 usable examples"
    )


def test_the_same_state_gives_the_same_key_and_a_failure_another_one() -> None:
    keys = [
        decision.run_key
        for decision in (
            retraining(50, 2000),
            retraining(70, 2000),
            retraining(50, 2000, LoopRuns(None, 1, ago(100))),
            retraining(50, 2001),
        )
        if isinstance(decision, RunIt)
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_the_pause_doubles_and_stays_below_half_an_hour() -> None:
    assert [retry_pause_seconds(n) for n in (1, 2, 3, 6, 50)] == [60, 120, 240, 1800, 1800]


def test_families_trained_in_one_run_are_trained_in_one_run_again_although_they_ended_at_different_times() -> None:
    ends = zip(FAMILIES, (1820, 1810, 1799), strict=True)
    families = {family: FamilyTraining(ago(end), 60) for family, end in ends}
    assert isinstance(decide_retraining(families, IDLE, NOW, SETTINGS.training), Skip)
    later = decide_retraining(families, IDLE, NOW + timedelta(seconds=1), SETTINGS.training)
    assert isinstance(later, RunIt)
    assert later.families == FAMILIES


def test_only_families_not_trained_since_the_failure_are_tried_again() -> None:
    families = dict.fromkeys(FAMILIES, FamilyTraining(ago(100), 0)) | {"xgboost": FamilyTraining(ago(9000), 0)}
    decision = decide_retraining(families, LoopRuns(None, 1, ago(200)), NOW, SETTINGS.training)
    assert isinstance(decision, RunIt)
    assert decision.families == ("xgboost",)


def test_a_decision_that_is_due_comes_before_the_retraining_but_does_not_block_it_for_ever() -> None:
    families = dict.fromkeys(FAMILIES, FamilyTraining(ago(3600), 60))

    def with_decision(decided: float, games: int, *, is_reached: bool = False) -> RunIt | Skip:
        last = FamilyDecision(ago(decided), games, is_reached)
        return decide_retraining(families, IDLE, NOW, SETTINGS.training, {"xgboost": last})

    assert with_decision(1860, 12) == Skip(
        "the promotion decision about xgboost is due since 11:59 UTC after 12 games, and comes before the retraining; "
        "the retraining waits until 12:09 UTC at most"
    )
    for decision in (with_decision(1799, 12), with_decision(1860, 0), with_decision(2400, 12)):
        assert isinstance(decision, RunIt)
    # Evidence survives a retraining, so a swap that is reached need not come first.
    assert isinstance(with_decision(60, 12, is_reached=True), RunIt)


def decided(games: int, seconds_ago: float, *, is_reached: bool = False) -> dict[Family, FamilyDecision]:
    quiet = FamilyDecision(ago(seconds_ago), 0)
    return {**dict.fromkeys(FAMILIES, quiet), "xgboost": FamilyDecision(ago(seconds_ago), games, is_reached)}


def serving(**changes: object) -> RunIt | Skip:
    state = ServingState(ago(100), ago(50), decided(0, 50), (), None)
    return decide_serving(state._replace(**changes), IDLE, NOW, SETTINGS.training)


def test_nothing_is_served_before_the_first_training() -> None:
    assert serving(trained_at=None) == Skip("no model was trained yet; there is nothing to serve")


def test_models_newer_than_the_served_ones_are_served() -> None:
    assert isinstance(serving(served_at=None), RunIt)
    assert isinstance(serving(served_at=ago(101)), RunIt)
    assert isinstance(serving(served_at=ago(99)), Skip)


def test_drift_starts_a_run_that_names_it() -> None:
    decision = serving(drift=("cache xgboost@B",))
    assert isinstance(decision, RunIt)
    assert "cache xgboost@B" in decision.reason


def test_a_promotion_cycle_needs_a_finished_game_and_time_and_decides_only_about_its_family() -> None:
    waiting = serving(decisions=decided(5, 1799))
    assert isinstance(waiting, Skip)
    assert "xgboost: 5 games since the last decision at 11:30 UTC, next decision at 12:00 UTC" in waiting.reason
    assert "feedforward_nn: 0 games since the last decision at 11:30 UTC" in waiting.reason
    assert isinstance(serving(decisions=decided(0, 9999)), Skip)
    due = serving(decisions=decided(5, 1800))
    assert isinstance(due, RunIt)
    assert due.families == ("xgboost",)


def test_a_swap_that_the_evidence_allows_does_not_wait() -> None:
    due = serving(decisions=decided(1, 5, is_reached=True))
    assert isinstance(due, RunIt)
    assert due.families == ("xgboost",)
    assert due.reason == "xgboost: B has the evidence that it needs to take Production's place"


def test_after_a_training_every_family_is_decided() -> None:
    served = serving(served_at=None, decisions=decided(5, 1800))
    assert isinstance(served, RunIt)
    assert served.families == FAMILIES


def test_nothing_is_served_while_the_api_does_not_answer() -> None:
    decision = serving(served_at=None, api_problem="GET /models got no answer")
    assert isinstance(decision, Skip)
    assert "got no answer" in decision.reason


def test_serving_waits_for_a_training_in_progress() -> None:
    state = ServingState(ago(100), None, {}, (), None)
    assert isinstance(decide_serving(state, LoopRuns(in_progress="x" * 8), NOW, SETTINGS.training), Skip)


def serve_after(failures: int, **changes: object) -> RunIt | Skip:
    state = ServingState(ago(100), ago(50), decided(0, 50), (), None)._replace(**changes)
    return decide_serving(state, LoopRuns(None, failures, ago(9999)), NOW, SETTINGS.training)


def test_after_failures_every_other_run_serves_without_promotions() -> None:
    unserved = {"trained_at": ago(10)}
    attempts = [serve_after(failures, **unserved) for failures in range(4)]
    assert [isinstance(one, RunIt) and one.mirror_only for one in attempts] == [False, True, False, True]
    assert len({one.run_key for one in attempts if isinstance(one, RunIt)}) == 4


def test_a_due_promotion_is_not_left_out_if_everything_is_served() -> None:
    due = serve_after(1, decisions=decided(5, 9999))
    assert isinstance(due, RunIt)
    assert not due.mirror_only


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (
            retraining(new=12, trained=600),
            "waiting for 38 more usable examples, and until 12:20 UTC (in 20 min): 12 of 50 came since the last "
            "training 10 min ago",
        ),
        (
            retraining(new=12, trained=7200),
            "waiting for 38 more usable examples: 12 of 50 came since the last training 2.0 h ago",
        ),
        (
            retraining(new=70, trained=1437),
            "waiting until 12:06 UTC (in 6 min): 70 new usable examples, and the last training was 24 min ago",
        ),
        (
            retraining(new=70, trained=9999, runs=LoopRuns(None, 1, ago(20))),
            "waiting 40 s to try again: the last 1 training runs did not succeed, the newest 20 s ago",
        ),
    ],
)
def test_a_skip_says_what_it_waits_for_and_when(decision: RunIt | Skip, said: str) -> None:
    assert decision == Skip(said)
