"""Comparison of trials: the slots that hold each configuration, and plots of the cross-validation."""

from collections.abc import Sequence

from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training.intervals import Interval, intervals_plot
from rps_assets.training.trials import RankedTrial
from rps_core.game.families import FAMILIES, Family


def slots_by_configuration(registry: ModelRegistry) -> dict[str, list[str]]:
    """Return which aliases hold a version of each configuration."""
    held: dict[str, list[str]] = {}
    for slot, version in registry.aliased_versions().items():
        held.setdefault(version.tags.get("hyperparameter_config_id", "unknown"), []).append(slot.alias)
    return held


def comparison_plots(ranked: Sequence[RankedTrial]) -> dict[Family, bytes]:
    """Draw for each family the mean of the cross-validation plus and minus its spread, the best on top."""
    plots: dict[Family, bytes] = {}
    for family in FAMILIES:
        trials = [trial for trial in ranked if trial.family == family]
        if not trials:
            continue
        intervals = [
            Interval(trial.configuration, mean, mean - spread, mean + spread)
            for trial in trials
            for mean, spread in [(trial.run.metrics["cv_mean_acc"], trial.run.metrics["cv_std_acc"])]
        ]
        majority = trials[0].run.metrics.get("majority_accuracy")
        title, label = f"Cross-validation, {family}", "accuracy (dotted: majority)"
        plots[family] = intervals_plot(intervals, title, label, majority)
    return plots
