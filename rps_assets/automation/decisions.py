"""When to train and when to serve: plain decisions from figures, each with a reason. No Dagster, no clock, no store.

The run key names the state that a decision starts from. Two decisions from the same state have the same key, so
Dagster starts one run.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from rps_assets.promotion.due import Decisions, due_families, waiting_sentence
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.first_training import examples_needed, games_to_play
from rps_core.game.families import FAMILIES, Family
from rps_core.promotion.reasons import at_minute
from rps_core.settings import OperationsSettings, TrainingSettings

# The bootstrap plays several rounds a second; half a minute without a round means that it ended or was stopped.
QUIET_SECONDS = 30.0
# A store that is never quiet, for example with many players, must not wait longer for its first models.
LONGEST_WAIT_SECONDS = 600.0
# A retraining waits this long for a decision that is due: if that cannot be made, training must go on.
LONGEST_DECISION_WAIT_SECONDS = 600.0
RETRY_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 1800.0


class RunIt(NamedTuple):
    """Start a run.

    Attributes:
        run_key: names the state that the decision started from.
        reason: the sentence that the run carries as a tag.
        mirror_only: leave out the promotions, and only bring cache and API up to the registry.
        families: the families to train, or to decide about.
    """

    run_key: str
    reason: str
    mirror_only: bool = False
    families: tuple[Family, ...] = FAMILIES


class Skip(NamedTuple):
    """Start nothing, because of `reason`."""

    reason: str


class LoopRuns(NamedTuple):
    """The runs of the loop since it last succeeded.

    Attributes:
        in_progress: id of a queued or running run.
        failures: number of runs that failed or were cancelled.
        last_failure_at: when the newest of them ended.
    """

    in_progress: str | None = None
    failures: int = 0
    last_failure_at: datetime | None = None


class Gameplay(NamedTuple):
    """The games that a training could use.

    Attributes:
        examples: examples of the selected games.
        finished_games: finished games, without test games.
        first_game_at: creation time of the oldest selected game.
        last_round_at: time of the newest round.
    """

    examples: int
    finished_games: int
    first_game_at: datetime | None
    last_round_at: datetime | None


class FamilyTraining(NamedTuple):
    """The last training of a family.

    Attributes:
        trained_at: when the family's oldest slot was trained.
        new_examples: examples in selected games that are newer than the newest game of that training.
        contract_version: feature contract of that training.
    """

    trained_at: datetime
    new_examples: int
    contract_version: int = CURRENT_CONTRACT.version


class ServingState(NamedTuple):
    """What is trained, served and due.

    Attributes:
        trained_at: when models were last materialised; None before the first training.
        served_at: when served models were last materialised.
        decisions: the last decision of each family, and the games since.
        drift: texts about slots in which registry, cache and API differ.
        api_problem: why the API cannot be asked; None if it can.
    """

    trained_at: datetime | None
    served_at: datetime | None
    decisions: Decisions
    drift: tuple[str, ...]
    api_problem: str | None


def decide_first_training(
    gameplay: Gameplay, runs: LoopRuns, now: datetime, training: TrainingSettings, operations: OperationsSettings
) -> RunIt | Skip:
    """Decide whether to start the first training, which trains all families.

    Args:
        gameplay: the games that could train.
        runs: the training runs so far.
        now: the current time.
        training: how many examples the first training needs.
        operations: how many games the bootstrap plays.
    """
    waiting = _still_waiting(runs, now, "training") or _first_training_blocked(gameplay, now, training, operations)
    key = f"training:first:{runs.failures}"
    return waiting or RunIt(key, f"first training: {gameplay.examples} usable examples")


def decide_retraining(
    families: Mapping[Family, FamilyTraining],
    runs: LoopRuns,
    now: datetime,
    training: TrainingSettings,
    decisions: Decisions | None = None,
) -> RunIt | Skip:
    """Decide which families to train again.

    Args:
        families: the last training of each family.
        runs: the training runs since the oldest of these trainings.
        now: the current time.
        training: new examples and time that a retraining needs.
        decisions: the last promotion decision of each family: one that is due comes first.
    """
    waiting = _still_waiting(runs, now, "training")
    if waiting is not None:
        return waiting
    outdated = _decide_new_contract(families, runs)
    if outdated is not None:
        return outdated
    failed_at = runs.last_failure_at if runs.failures else None
    failed = {family for family, last in families.items() if failed_at is not None and last.trained_at < failed_at}
    # The age of the loop, not of a family: families trained in one run end some seconds after each other.
    age = min(_seconds_since(last.trained_at, now) for last in families.values())
    most = max(last.new_examples for last in families.values())
    ready = set[Family]()
    if age >= training.training_interval_seconds:
        ready = {family for family, last in families.items() if last.new_examples >= training.min_new_examples}
    wanted = tuple(family for family in families if family in ready | failed)
    if not wanted:
        return Skip(_why_not_due(most, age, now, training))
    decision_first = _decision_comes_first(decisions or {}, now, training)
    if decision_first is not None:
        return decision_first
    reason = f"{most} new usable examples since the last training {duration(age)} ago"
    if not ready:
        reason = f"the last {runs.failures} training runs did not succeed; trying again"
    # The time of the failure is part of the state, because the number depends on which family is the oldest.
    state = [f"{family}@{families[family].trained_at.isoformat()}" for family in wanted]
    failure = f"{runs.failures}@{failed_at.isoformat()}" if failed_at else "0"
    return RunIt(f"training:{','.join(state)}:{failure}", reason, families=wanted)


def _decision_comes_first(decisions: Decisions, now: datetime, training: TrainingSettings) -> Skip | None:
    interval = timedelta(seconds=training.training_interval_seconds)
    for family in due_families(decisions, interval, now):
        decision = decisions[family]
        due_at = decision.due_at(interval)
        if due_at is not None and (now - due_at).total_seconds() < LONGEST_DECISION_WAIT_SECONDS:
            return Skip(
                f"the promotion decision about {family} is due since {at_minute(due_at)} after {decision.games} games, "
                f"and comes before the retraining; the retraining waits until "
                f"{at_minute(due_at + timedelta(seconds=LONGEST_DECISION_WAIT_SECONDS))} at most"
            )
    return None


def _decide_new_contract(families: Mapping[Family, FamilyTraining], runs: LoopRuns) -> RunIt | None:
    """Train all families if the models of one see features of an earlier release: no new example is needed."""
    known = sorted({last.contract_version for last in families.values()} - {CURRENT_CONTRACT.version})
    if not known:
        return None
    state = ",".join(f"{family}@{last.trained_at.isoformat()}" for family, last in families.items())
    return RunIt(
        f"training:contract {CURRENT_CONTRACT.version}:{state}:{runs.failures}",
        f"the served models see features of version {', '.join(map(str, known))}, and new models see version "
        f"{CURRENT_CONTRACT.version}; the first configurations take all slots",
        families=tuple(families),
    )


def _why_not_due(most: int, age: float, now: datetime, training: TrainingSettings) -> str:
    left = training.training_interval_seconds - age
    due = f"{at_minute(now + timedelta(seconds=left))} (in {duration(left)})"
    if most < training.min_new_examples:
        missing, later = training.min_new_examples - most, f", and until {due}" if left > 0 else ""
        return (
            f"waiting for {missing} more usable examples{later}: {most} of {training.min_new_examples} came since the "
            f"last training {duration(age)} ago"
        )
    return f"waiting until {due}: {most} new usable examples, and the last training was {duration(age)} ago"


def _first_training_blocked(
    gameplay: Gameplay, now: datetime, training: TrainingSettings, operations: OperationsSettings
) -> Skip | None:
    """Wait for enough examples, and for the bootstrap to end.

    Models trained on the first games would have to wait a whole interval before they learn from the rest.
    """
    needed = examples_needed(training)
    if gameplay.examples < needed:
        missing = needed - gameplay.examples
        return Skip(
            f"waiting for {missing} more usable examples: {gameplay.examples} of {needed} for the first training; "
            f"about {games_to_play(missing, training)} make them"
        )
    quiet = _seconds_since(gameplay.last_round_at, now)
    waited = _seconds_since(gameplay.first_game_at, now)
    bootstrapped = gameplay.finished_games >= operations.bootstrap_games
    if bootstrapped or quiet >= QUIET_SECONDS or waited >= LONGEST_WAIT_SECONDS:
        return None
    return Skip(
        f"waiting for {operations.bootstrap_games - gameplay.finished_games} more games, or for {QUIET_SECONDS:.0f} s "
        f"without a round, or for another {duration(LONGEST_WAIT_SECONDS - waited)}: {gameplay.examples} usable "
        f"examples are enough, {gameplay.finished_games} of {operations.bootstrap_games} games are finished"
    )


def decide_serving(state: ServingState, runs: LoopRuns, now: datetime, training: TrainingSettings) -> RunIt | Skip:
    """Decide whether to start a run that decides promotions and updates what is served.

    Args:
        state: what is trained, served and due.
        runs: the runs of the loop since models were last served.
        now: the current time.
        training: its interval is also the time between two promotion cycles.
    """
    if state.trained_at is None:
        return Skip("no model was trained yet; there is nothing to serve")
    waiting = _still_waiting(runs, now, "serving")
    if waiting is not None:
        return waiting
    if state.api_problem is not None:
        return Skip(f"waiting until cache and API can be compared with the registry: {state.api_problem}")
    interval = timedelta(seconds=training.training_interval_seconds)
    due = due_families(state.decisions, interval, now)
    unserved = _reason_to_serve(state)
    reason = unserved or _reason_to_decide(state.decisions, due, now)
    if reason is None:
        return Skip(f"all slots serve the registry's versions; {waiting_sentence(state.decisions, interval)}")
    key = f"serving:{state.served_at.isoformat() if state.served_at else 'first'}:{runs.failures}"
    # A promotion that keeps failing must not prevent the registry's versions from being served.
    mirror_only = runs.failures % 2 == 1 and unserved is not None
    # After a training, every family has a decision; otherwise only those that are due: each family has its own cycles.
    families = FAMILIES if unserved else due
    return RunIt(
        key, f"{reason}; without promotions after a failed run" if mirror_only else reason, mirror_only, families
    )


def _reason_to_serve(state: ServingState) -> str | None:
    if state.served_at is None or (state.trained_at is not None and state.trained_at > state.served_at):
        return "newly trained models are not served yet"
    if state.drift:
        return f"{len(state.drift)} slots differ: {'; '.join(state.drift[:3])}"
    return None


def _reason_to_decide(decisions: Decisions, due: Iterable[Family], now: datetime) -> str | None:
    parts = []
    for family in due:
        decision = decisions[family]
        if decision.is_reached:
            parts.append(f"{family}: B has the evidence that it needs to take Production's place")
        else:
            since = f" {duration(_seconds_since(decision.decided_at, now))} ago" if decision.decided_at else ""
            parts.append(f"{family}: {decision.games} games finished since the last promotion cycle{since}")
    return "; ".join(parts) or None


def _still_waiting(runs: LoopRuns, now: datetime, loop: str) -> Skip | None:
    if runs.in_progress is not None:
        return Skip(f"waiting for run {runs.in_progress[:8]}, which is queued or in progress")
    if runs.failures and runs.last_failure_at is not None:
        pause, ago = retry_pause_seconds(runs.failures), _seconds_since(runs.last_failure_at, now)
        if ago < pause:
            return Skip(
                f"waiting {duration(pause - ago)} to try again: the last {runs.failures} {loop} runs did not succeed, "
                f"the newest {duration(ago)} ago"
            )
    return None


def duration(seconds: float) -> str:
    """Return a time span for a sentence: in seconds, minutes or hours."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def retry_pause_seconds(failures: int) -> float:
    """Return how long to wait after a number of consecutive failures: doubling, at most half an hour."""
    return float(min(RETRY_SECONDS * 2 ** (min(failures, 10) - 1), LONGEST_RETRY_SECONDS))


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return float("inf") if moment is None else max((now - moment) / timedelta(seconds=1), 0.0)
