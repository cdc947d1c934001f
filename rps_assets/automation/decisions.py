"""When to train and when to serve: plain decisions on numbers, each with a sentence. No Dagster, no clock, no store.

Both decisions name the state they start from in the run key: the same state asked twice gives the same key, and Dagster
starts one run.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

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
    """

    run_key: str
    reason: str
    mirror_only: bool = False


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
        new_examples: of these, examples of games newer than the last trained one.
        finished_games: games played to their end, test games left out.
        first_game_at: creation time of the oldest game in the selection.
        last_round_at: time of the newest round.
    """

    examples: int
    new_examples: int
    finished_games: int
    first_game_at: datetime | None
    last_round_at: datetime | None


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


def decide_training(
    gameplay: Gameplay, trained_at: datetime | None, runs: LoopRuns, now: datetime, settings: Settings
) -> RunIt | Skip:
    """Decide whether a retraining starts.

    Args:
        gameplay: the play that could train.
        trained_at: when all families were last trained; None before the first time.
        runs: the training runs since then.
        now: the present.
        settings: the gates.
    """
    waiting = _still_waiting(runs, now, "training")
    if waiting is not None:
        return waiting
    key = f"training:{trained_at.isoformat() if trained_at else 'first'}:{runs.failures}"
    if trained_at is None:
        blocked = _first_training_blocked(gameplay, now, settings)
        return blocked or RunIt(key, f"first training: {gameplay.examples} usable examples")
    if runs.failures:
        return RunIt(key, f"the last {runs.failures} training runs did not succeed; trying again")
    if gameplay.new_examples < settings.min_new_examples:
        return Skip(
            f"{gameplay.new_examples} new usable examples since the last training; "
            f"{settings.min_new_examples} start a retraining"
        )
    age = (now - trained_at).total_seconds()
    if age < settings.training_interval_seconds:
        return Skip(
            f"{gameplay.new_examples} new usable examples, but the last training was {age:.0f} s ago; "
            f"the interval is {settings.training_interval_seconds} s"
        )
    return RunIt(key, f"{gameplay.new_examples} new usable examples since the last training {age:.0f} s ago")


def _first_training_blocked(gameplay: Gameplay, now: datetime, settings: Settings) -> Skip | None:
    """Wait for enough examples, and for the bootstrap to end.

    Trained on its first games, the models would have to wait a whole interval for the rest of them.
    """
    if gameplay.examples < settings.min_total_examples:
        return Skip(f"{gameplay.examples} usable examples; the first training waits for {settings.min_total_examples}")
    quiet = _seconds_since(gameplay.last_round_at, now)
    waited = _seconds_since(gameplay.first_game_at, now)
    bootstrapped = gameplay.finished_games >= settings.bootstrap_games
    if bootstrapped or quiet >= QUIET_SECONDS or waited >= LONGEST_WAIT_SECONDS:
        return None
    return Skip(
        f"{gameplay.examples} usable examples are enough, but games are still coming in ({gameplay.finished_games} of "
        f"{settings.bootstrap_games}, the newest round {quiet:.0f} s ago)"
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
    if state.games_since_decision and age >= settings.training_interval_seconds:
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
