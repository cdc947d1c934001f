"""When to train and when to serve: plain decisions on numbers, each with a sentence. No Dagster, no clock, no store.

Decisions name the state they start from in the run key: the same state asked twice gives the same key, and Dagster
starts one run.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from rps_core.game.families import FAMILIES, Family
from rps_core.settings import Settings

# The bootstrap plays several rounds a second; half a minute without one means that it has ended or was stopped.
QUIET_SECONDS = 30.0
# A store that is never quiet, such as one with many players, is not kept waiting for the first models.
LONGEST_WAIT_SECONDS = 600.0
RETRY_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 1800.0


class RunIt(NamedTuple):
    """Start a run.

    Attributes:
        run_key: names the state the decision started from.
        reason: shown on the run.
        mirror_only: leave the promotions out, and only bring cache and API up to the registry.
        families: the ones to train.
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
        in_progress: run id of a queued or running one.
        failures: runs that failed or were cancelled since the last success.
        last_failure_at: when the newest of them ended.
    """

    in_progress: str | None = None
    failures: int = 0
    last_failure_at: datetime | None = None


class Gameplay(NamedTuple):
    """The play a training could use.

    Attributes:
        examples: examples of the games that the selection keeps.
        finished_games: games played to their end, test games left out.
        first_game_at: creation time of the oldest game in the selection.
        last_round_at: time of the newest round.
    """

    examples: int
    finished_games: int
    first_game_at: datetime | None
    last_round_at: datetime | None


class FamilyTraining(NamedTuple):
    """How a family stands.

    Attributes:
        trained_at: when the slot of it that lags behind was last trained.
        new_examples: examples of selected games that are newer than the newest game that trained it.
    """

    trained_at: datetime
    new_examples: int


class Comparison(NamedTuple):
    """What the versions in Production and B achieved against the players who count; games are won or lost ones."""

    b_wins: int
    b_games: int
    production_wins: int
    production_games: int


class ServingState(NamedTuple):
    """What is trained, served and due.

    Attributes:
        trained_at: when models were last materialised; None before the first.
        served_at: when served models were last materialised.
        decided_at: when the ledger got its newest entry.
        games_since_decision: games finished since then.
        drift: sentences about slots in which registry, cache and API differ.
        api_problem: why the API cannot be asked, if it cannot.
    """

    trained_at: datetime | None
    served_at: datetime | None
    decided_at: datetime | None
    games_since_decision: int
    drift: tuple[str, ...]
    api_problem: str | None


def decide_first_training(gameplay: Gameplay, runs: LoopRuns, now: datetime, settings: Settings) -> RunIt | Skip:
    """Decide whether the first training starts, which trains everything.

    Args:
        gameplay: the play that could train.
        runs: the training runs so far.
        now: the present.
        settings: the gates.
    """
    waiting = _still_waiting(runs, now, "training") or _first_training_blocked(gameplay, now, settings)
    key = f"training:first:{runs.failures}"
    return waiting or RunIt(key, f"first training: {gameplay.examples} usable examples")


def decide_retraining(
    families: Mapping[Family, FamilyTraining], runs: LoopRuns, now: datetime, settings: Settings
) -> RunIt | Skip:
    """Decide which families are due to be trained again.

    Args:
        families: how each of them stands.
        runs: the training runs since the family that lags behind was trained.
        now: the present.
        settings: the gates.
    """
    waiting = _still_waiting(runs, now, "training")
    if waiting is not None:
        return waiting
    failed_at = runs.last_failure_at if runs.failures else None
    failed = {family for family, one in families.items() if failed_at is not None and one.trained_at < failed_at}
    # Of the loop, not of a family: those that were trained in one run ended some seconds after each other.
    age = min(_seconds_since(one.trained_at, now) for one in families.values())
    most = max(one.new_examples for one in families.values())
    ready = set[Family]()
    if age >= settings.training.training_interval_seconds:
        ready = {family for family, one in families.items() if one.new_examples >= settings.training.min_new_examples}
    wanted = tuple(family for family in families if family in ready | failed)
    if not wanted:
        return Skip(_why_not_due(most, age, settings))
    reason = f"{most} new usable examples since the last training {age:.0f} s ago"
    if not ready:
        reason = f"the last {runs.failures} training runs did not succeed; trying again"
    # The moment of the failure is part of the state: the number alone depends on which family lags behind.
    state = [f"{family}@{families[family].trained_at.isoformat()}" for family in wanted]
    failure = f"{runs.failures}@{failed_at.isoformat()}" if failed_at else "0"
    return RunIt(f"training:{','.join(state)}:{failure}", reason, families=wanted)


def _why_not_due(most: int, age: float, settings: Settings) -> str:
    if most < settings.training.min_new_examples:
        return (
            f"{most} new usable examples since the last training; "
            f"{settings.training.min_new_examples} start a retraining"
        )
    return (
        f"{most} new usable examples, but the last training was {age:.0f} s ago; "
        f"the interval is {settings.training.training_interval_seconds} s"
    )


def decide_holding(
    due: RunIt,
    families: Mapping[Family, FamilyTraining],
    comparisons: Mapping[Family, Comparison],
    now: datetime,
    settings: Settings,
) -> RunIt | Skip:
    """Leave out the families whose B is about to win its comparison with Production: a training would end that.

    A comparison belongs to two versions, and a training puts new ones into both slots. Held back is a family whose B
    leads after enough games on both sides, and never for longer than the settings allow.

    Args:
        due: the training that would start.
        families: how each of them stands.
        comparisons: the games of Production and B of each family; one without both of them is left out.
        now: the present.
        settings: how many games make a comparison worth waiting for, and for how long at most.
    """
    held = {
        family: said
        for family in due.families
        if family in comparisons
        and (said := _held_back(comparisons[family], families[family].trained_at, now, settings)) is not None
    }
    free = tuple(family for family in due.families if family not in held)
    if not held:
        return due
    waiting = "; ".join(f"{family} waits: {said}" for family, said in held.items())
    if not free:
        return Skip(f"{due.reason}, but {waiting}")
    # The same examples start another run once the others are free.
    return due._replace(
        run_key=f"{due.run_key}:without {','.join(held)}", reason=f"{due.reason}; {waiting}", families=free
    )


def _held_back(one: Comparison, trained_at: datetime, now: datetime, settings: Settings) -> str | None:
    left = settings.promotion.promotion_hold_seconds - _seconds_since(trained_at, now)
    enough = min(one.b_games, one.production_games) >= settings.promotion.promotion_hold_games
    leads = one.b_wins * one.production_games > one.production_wins * one.b_games
    if left <= 0 or not enough or not leads:
        return None
    return (
        f"B won {one.b_wins} of {one.b_games} games and Production {one.production_wins} of {one.production_games}; "
        f"undecided, and a training would end the comparison; it is waited for {left / 3600:.1f} h at most"
    )


def _first_training_blocked(gameplay: Gameplay, now: datetime, settings: Settings) -> Skip | None:
    """Wait for enough examples, and for the bootstrap to end.

    Trained on its first games, the models would have to wait a whole interval for the rest of them.
    """
    if gameplay.examples < settings.training.min_total_examples:
        return Skip(
            f"{gameplay.examples} usable examples; the first training waits for {settings.training.min_total_examples}"
        )
    quiet = _seconds_since(gameplay.last_round_at, now)
    waited = _seconds_since(gameplay.first_game_at, now)
    bootstrapped = gameplay.finished_games >= settings.operations.bootstrap_games
    if bootstrapped or quiet >= QUIET_SECONDS or waited >= LONGEST_WAIT_SECONDS:
        return None
    return Skip(
        f"{gameplay.examples} usable examples are enough, but games are still coming in ({gameplay.finished_games} of "
        f"{settings.operations.bootstrap_games}, the newest round {quiet:.0f} s ago)"
    )


def decide_serving(state: ServingState, runs: LoopRuns, now: datetime, settings: Settings) -> RunIt | Skip:
    """Decide whether promotions are decided and what is served is brought up to date.

    Args:
        state: what is trained, served and due.
        runs: the runs of the loop since something was last served.
        now: the present.
        settings: the time between two promotion cycles is that between two trainings.
    """
    if state.trained_at is None:
        return Skip("no model was trained yet; there is nothing to serve")
    waiting = _still_waiting(runs, now, "serving")
    if waiting is not None:
        return waiting
    if state.api_problem is not None:
        return Skip(f"nothing can be verified: {state.api_problem}")
    reason = _reason_to_serve(state, now, settings)
    if reason is None:
        return Skip(
            f"all slots serve the registry's versions; {state.games_since_decision} games finished since the last "
            f"promotion cycle {_seconds_since(state.decided_at, now):.0f} s ago"
        )
    key = f"serving:{state.served_at.isoformat() if state.served_at else 'first'}:{runs.failures}"
    # A promotion that fails again and again must not keep what is registered from being served.
    mirror_only = runs.failures % 2 == 1 and _is_unserved(state)
    return RunIt(key, f"{reason}; promotions are left out after a failed run" if mirror_only else reason, mirror_only)


def _is_unserved(state: ServingState) -> bool:
    behind = state.served_at is None or (state.trained_at is not None and state.trained_at > state.served_at)
    return behind or bool(state.drift)


def _reason_to_serve(state: ServingState, now: datetime, settings: Settings) -> str | None:
    if state.served_at is None or (state.trained_at is not None and state.trained_at > state.served_at):
        return "models were trained that are not served yet"
    if state.drift:
        return f"{len(state.drift)} slots differ: {'; '.join(state.drift[:3])}"
    age = _seconds_since(state.decided_at, now)
    if state.games_since_decision and age >= settings.training.training_interval_seconds:
        return f"{state.games_since_decision} games finished since the last promotion cycle {age:.0f} s ago"
    return None


def _still_waiting(runs: LoopRuns, now: datetime, what: str) -> Skip | None:
    if runs.in_progress is not None:
        return Skip(f"run {runs.in_progress[:8]} is queued or in progress")
    if runs.failures and runs.last_failure_at is not None:
        pause, ago = retry_pause_seconds(runs.failures), _seconds_since(runs.last_failure_at, now)
        if ago < pause:
            return Skip(
                f"the last {runs.failures} {what} runs did not succeed, the newest {ago:.0f} s ago; "
                f"the next try comes {pause:.0f} s after it"
            )
    return None


def retry_pause_seconds(failures: int) -> float:
    """Return how long to wait after the given number of failures in a row: doubling, at most half an hour."""
    return float(min(RETRY_SECONDS * 2 ** (min(failures, 10) - 1), LONGEST_RETRY_SECONDS))


def is_scripted_play_due(scheduled_at: datetime) -> bool:
    """Return whether scripted play starts at this half hour: at each fifth one, which is every 150 minutes.

    150 minutes do not divide a day, so no cron line can say it; counted from the Unix epoch the rhythm is exact, and a
    restart does not move it.
    """
    return int(scheduled_at.timestamp()) // 1800 % 5 == 0


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return float("inf") if moment is None else max((now - moment) / timedelta(seconds=1), 0.0)
