"""The long validation of a running system: smoke test, many games, and counters that moved by what was played.

The next phase begins only if the one before has passed. Scripted players play the games, so counters and dashboards
show them.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from rps_cli.operations.findings import Check, Finding, NotAsExpected, run_check, run_until_failed
from rps_cli.operations.metrics import SampleKey, Samples, sample_key, scrape
from rps_core.api_client import ApiClient
from rps_core.errors import RpsError
from rps_core.game.families import Slot, parse_alias
from rps_core.game.opponents import opponent
from rps_core.simulation.report import FALLBACK_SOURCES, GameOutcome, PlannedGame, SimulationReport
from rps_core.simulation.simulator import PlayOptions, plan_games, play_games

METRICS_PATIENCE_SECONDS = 15.0
METRICS_PAUSE_SECONDS = 1.2
MAX_SHOWN_FAULTS = 8
_GAME_RESULTS = {"bot": "wins", "user": "losses", "tie": "ties"}
_ROUND_RESULTS = {"lose": "wins", "win": "losses", "draw": "ties"}


class Validation(NamedTuple):
    """The findings of a validation, and the games of all its batches."""

    findings: tuple[Finding, ...]
    games: SimulationReport


class Exercise(NamedTuple):
    """How much to play, and how to judge it.

    Attributes:
        games: games in all; `batch` of them are played between two checks.
        clients: games under way at the same time.
        shared: others play at the same time, so counters may move further than expected.
    """

    games: int
    batch: int
    seed: int
    clients: int = 8
    shared: bool = False


def validate(
    api: ApiClient,
    smoke: Sequence[tuple[str, Check]],
    exercise: Exercise,
    log: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Validation:
    """Run the phases and stop after the first check that fails.

    Args:
        api: the system under test.
        smoke: the checks of the first phase.
        exercise: how much to play.
        log: takes a sentence after each check and each batch.
        sleep: waits for the next scrape.
    """
    findings: list[Finding] = []
    outcomes: list[GameOutcome] = []
    try:
        for finding in _phases(api, smoke, exercise, outcomes, sleep):
            findings.append(finding)
            log(f"{finding.verdict}: {finding.subject}: {finding.message}")
            if finding.verdict == "failed":
                break
    except RpsError as error:
        findings.append(Finding("metrics before the games", "failed", str(error)))
    return Validation(tuple(findings), SimulationReport(tuple(outcomes)))


def _phases(
    api: ApiClient,
    smoke: Sequence[tuple[str, Check]],
    exercise: Exercise,
    outcomes: list[GameOutcome],
    sleep: Callable[[float], None],
) -> Iterator[Finding]:
    yield from run_until_failed(smoke)
    before = scrape(api)
    for batch in batches(exercise):
        subject = f"games {batch[0].number + 1} to {batch[-1].number + 1}"
        yield run_check(subject, partial(_play, api, batch, exercise, outcomes))
    expected = expected_movements(outcomes)
    compare = partial(compare_metrics, api, before, expected, shared=exercise.shared, sleep=sleep)
    yield run_check("counters moved by what was played", compare)


def _play(api: ApiClient, batch: list[PlannedGame], exercise: Exercise, outcomes: list[GameOutcome]) -> str:
    report = play_games(api.base_url, batch, seed=exercise.seed, options=PlayOptions(concurrency=exercise.clients))
    outcomes += report.outcomes
    return judge_games(report)


def batches(exercise: Exercise) -> Iterator[list[PlannedGame]]:
    """Yield the planned games in batches."""
    plan = plan_games(exercise.games, seed=exercise.seed)
    for start in range(0, len(plan), exercise.batch):
        yield plan[start : start + exercise.batch]


def judge_games(report: SimulationReport) -> str:
    """Return a sentence about a batch.

    Raises:
        NotAsExpected: a game failed or did not end, or a bot played without its model.
    """
    if report.failed:
        faults = report.problems or (f"{report.games_with('timeout')} games did not end",)
        raise NotAsExpected("; ".join(faults[:3]), "run `rps verify`, and read the API's log")
    fallbacks = sum(report.sources[source] for source in FALLBACK_SOURCES)
    if fallbacks:
        raise NotAsExpected(
            f"{fallbacks} of {report.sources.total()} rounds had no model",
            "run `rps reload`, then `rps sync`; read the API's log",
        )
    wins = {policy: f"{policy} {counts['bot']} of {counts.total()}" for policy, counts in report.by_opponent.items()}
    return f"no errors, no fallbacks; won by the bots: {', '.join(wins.values())}"


def expected_movements(outcomes: Sequence[GameOutcome]) -> Counter[SampleKey]:
    """Return by how much each counter of play must have moved, derived from the replies alone."""
    moved: Counter[SampleKey] = Counter()
    for outcome in outcomes:
        family = opponent(outcome.game.policy).family
        alias = parse_alias(outcome.alias or "")
        slot = str(Slot(family, alias))
        bot = {"policy": outcome.game.policy, "model_type": family, "difficulty": "standard"}
        game = {"model": family, "alias": alias, "difficulty": "standard"}
        result = _GAME_RESULTS[outcome.result]
        moved[sample_key("rps_ab_exposure_total", variant=slot)] += 1
        moved[sample_key("rps_games_total", **bot)] += 1
        moved[sample_key(f"rps_game_{result}_total", **bot)] += 1
        moved[sample_key("rps_model_games_by_alias_total", **game)] += 1
        moved[sample_key(f"rps_model_game_{result}_by_alias_total", **game)] += 1
        for round_result, number in outcome.round_results.items():
            moved[sample_key(f"rps_action_{_ROUND_RESULTS[round_result]}_total", **bot)] += number
        for source, number in outcome.sources.items():
            if source != "gambit":
                moved[sample_key("rps_model_prediction_sources_total", model=slot, source=source)] += number
            if source in FALLBACK_SOURCES:
                moved[sample_key("rps_model_fallback_total", model=slot, reason=source)] += number
        for predictor in outcome.predicted:
            labels = {"model": family, "alias": predictor}
            moved[sample_key("rps_model_predictions_by_alias_total", **labels)] += outcome.predicted[predictor]
            moved[sample_key("rps_model_correct_predictions_by_alias_total", **labels)] += outcome.correct[predictor]
    return moved


def compare_metrics(
    api: ApiClient,
    before: Samples,
    expected: Counter[SampleKey],
    *,
    shared: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Scrape until the counters moved as expected, for some seconds at most, and return a sentence.

    Raises:
        NotAsExpected: a counter moved by another amount.
    """
    waited, faults = 0.0, ["nothing was scraped"]
    while faults and waited < METRICS_PATIENCE_SECONDS:
        sleep(METRICS_PAUSE_SECONDS)
        waited += METRICS_PAUSE_SECONDS
        faults = movement_faults(before, scrape(api), expected, shared=shared)
    if faults:
        more = f"\n… and {len(faults) - MAX_SHOWN_FAULTS} more" if len(faults) > MAX_SHOWN_FAULTS else ""
        raise NotAsExpected(
            "\n".join(faults[:MAX_SHOWN_FAULTS]) + more,
            "use --shared if others played at the same time; otherwise compare with /stats and report a bug",
        )
    return f"{len(expected)} samples moved by {'at least ' if shared else 'exactly '}what was played"


def movement_faults(before: Samples, after: Samples, expected: Counter[SampleKey], *, shared: bool) -> list[str]:
    """Return a sentence for each sample that did not move as expected.

    Samples of the same metrics that should not move are compared too, unless others play at the same time.
    """
    names = {name for name, _ in expected}
    compared = {key for key in after if key[0] in names} | set(expected)
    faults = []
    for key in sorted(compared):
        moved = after.get(key, 0.0) - before.get(key, 0.0)
        if moved < expected[key] or (moved > expected[key] and not shared):
            name, labels = key
            shown = ", ".join(f'{label}="{value}"' for label, value in labels)
            faults.append(f"{name}{{{shown}}} moved by {moved:g}, expected {expected[key]}")
    return faults
