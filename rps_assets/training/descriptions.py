"""Description of a trained model in Markdown: what it saw, how good it is, and where to read on."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from rps_assets.datasets.dataset_folder import DatasetInfo
from rps_assets.training.parameters import Configuration
from rps_core.game.families import Alias
from rps_core.game.opponents import opponent_of


class Links(NamedTuple):
    """Pages that a description links."""

    dagster_run: str = ""
    dataset: str = ""
    game: str = ""


def run_name(configuration: Configuration, trained_for: Alias | None) -> str:
    """Return the name of a run: opponent, alias and configuration, or the configuration alone for an experiment."""
    if trained_for is None:
        return configuration.id
    return f"{opponent_of(configuration.family).policy}@{trained_for} {configuration.id}"


def describe_model(
    info: DatasetInfo,
    configuration: Configuration,
    trained_for: Alias | None,
    metrics: Mapping[str, float],
    baselines: Mapping[str, float],
    links: Links,
) -> str:
    """Return the description of a model for MLflow's pages of its run and its version."""
    opponent = opponent_of(configuration.family)
    purpose = f"trained for the slot `{trained_for}`" if trained_for else "trained for comparison, never registered"
    lines = [
        f"**{opponent.policy.title()}** {opponent.emoji}, configuration `{configuration.id}` ({configuration.note}), "
        f"{purpose}.",
        "",
        f"Trained on {info.examples - info.prior_examples:,} rounds of {info.games:,} games, "
        f"{info.human_games:,} of them played by people, "
        f"from {info.first_game_at:%Y-%m-%d} to {info.last_game_at:%Y-%m-%d}{_prior(info)}. "
        f"Features: {info.contract_name} version {info.contract_version}.",
        "",
        *_figures(metrics, baselines),
    ]
    pages = [("Dagster run", links.dagster_run), ("Dataset", links.dataset), ("Game", links.game)]
    shown = [f"[{text}]({address})" for text, address in pages if address]
    return "\n".join([*lines, *(["", " · ".join(shown)] if shown else []), ""])


def _prior(info: DatasetInfo) -> str:
    if not info.prior_games:
        return ""
    return (
        f", and on {info.prior_examples:,} rounds of {info.prior_games:,} games of simulated people, "
        f"each of which weighs {info.prior_weight:.2g}"
    )


def _figures(metrics: Mapping[str, float], baselines: Mapping[str, float]) -> list[str]:
    rows = [
        ("Accuracy on the newest games", _percent(metrics.get("test_accuracy"))),
        ("… of always naming the most frequent move", _percent(metrics.get("majority_accuracy"))),
        ("… of a plain logistic regression", _percent(baselines.get("logistic_accuracy"))),
        ("Accuracy in the cross-validation", _percent(metrics.get("cv_mean_acc"), metrics.get("cv_std_acc"))),
        ("Log loss on the newest games (1.0986 for a guess)", _plain(metrics.get("test_log_loss"))),
        ("… of a plain logistic regression", _plain(baselines.get("logistic_log_loss"))),
        ("Log loss in the cross-validation", _plain(metrics.get("cv_mean_log_loss"))),
    ]
    known = [f"| {name} | {figure} |" for name, figure in rows if figure]
    return (
        ["| Figure | Value |", "|---|---|", *known] if known else ["No figures: the dataset was too small to test on."]
    )


def _percent(value: float | None, spread: float | None = None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.1%}" + (f" ± {spread:.1%}" if spread is not None and math.isfinite(spread) else "")


def _plain(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4f}"
