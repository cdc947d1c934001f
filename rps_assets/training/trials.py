"""Trials of configurations: fit or reuse, log, compare.

Trials have a separate MLflow experiment and are never registered, so no alias can point to one.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from rps_assets.serving.model_registry import ModelRegistry, TrialRun
from rps_assets.training.model_runs import TrainingJob, identity_of, submission, train
from rps_assets.training.parameters import Configuration
from rps_core.game.families import Family

# Names that the original system gave these configurations; its users search MLflow for them.
CONFIG_FAMILIES: dict[Family, str] = {
    "feedforward_nn": "ffnn_oct2025_clean",
    "multinomial_logistic": "mnlogit_oct2025_clean",
    "xgboost": "xgb_oct2025_clean",
}


class TrialOutcome(NamedTuple):
    """Result of a trial; `plots` is empty if an equal run was reused."""

    configuration: Configuration
    run_id: str
    fitted: bool
    metrics: Mapping[str, float]
    plots: Mapping[str, bytes]
    duration_seconds: float


class RankedTrial(NamedTuple):
    """A configuration's place in the comparison of its family, 1 for the best."""

    place: int
    family: Family
    configuration: str
    run: TrialRun


def try_configuration(
    registry: ModelRegistry, job: TrainingJob, configuration: Configuration, log: Callable[[str], None]
) -> TrialOutcome:
    """Fit a configuration on the job's dataset and log it, or reuse an equal run."""
    identity = identity_of(job, configuration)
    found = [] if job.force else registry.find_trials(identity)
    if found:
        log(f"{configuration.id}: run {found[0].run_id} has the same examples and configuration, nothing to fit")
        return TrialOutcome(
            configuration, found[0].run_id, fitted=False, metrics=found[0].metrics, plots={}, duration_seconds=0.0
        )
    result = train(job, configuration, lambda line: log(f"{configuration.id}: {line}"))
    tags = {
        "config_family": CONFIG_FAMILIES[configuration.family],
        "search_index": configuration.id[-2:],
        "hyperparameters_overridden": "true",
    }
    run_id = registry.log_trial(submission(job, None, configuration, result, tags))
    return TrialOutcome(
        configuration,
        run_id,
        fitted=True,
        metrics={**result.metrics, **job.baselines},
        plots=result.plots,
        duration_seconds=result.duration_seconds,
    )


def standings(runs: Iterable[TrialRun], configurations: Mapping[str, Configuration]) -> list[RankedTrial]:
    """Rank the newest run of each configuration within its family.

    The order follows the original system: larger mean of the cross-validation, then smaller spread, then better
    accuracy on the hold-out.

    Args:
        runs: finished runs on one dataset, newest first.
        configurations: configurations by id; runs of other configurations are left out.
    """
    newest: dict[str, TrialRun] = {}
    for run in runs:
        name = run.tags.get("hyperparameter_config_id", "")
        if name in configurations:
            newest.setdefault(name, run)
    ranked: list[RankedTrial] = []
    for family in CONFIG_FAMILIES:
        own = [(name, run) for name, run in newest.items() if configurations[name].family == family]
        own.sort(key=lambda item: _merit(item[1].metrics), reverse=True)
        ranked += [RankedTrial(place, family, name, run) for place, (name, run) in enumerate(own, start=1)]
    return ranked


def _merit(metrics: Mapping[str, float]) -> tuple[float, float, float]:
    return metrics.get("cv_mean_acc", 0.0), -metrics.get("cv_std_acc", 1.0), metrics.get("test_accuracy", 0.0)
