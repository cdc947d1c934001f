"""Assets reports/*: how people play, how play drifts, and whether the served models are the trained ones.

`rps_assets.monitoring` computes them. Each report is also stored in the gameplay store, where its check and the API's
metrics read it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.metadata import links
from rps_assets.metadata.figures import decimals, readable
from rps_assets.metadata.plots import inline
from rps_assets.metadata.tables import table
from rps_assets.monitoring.accuracy_report import accuracy_plot, newest_of_each
from rps_assets.resources.typed import Cache, Datasets, Operations, Registry, Services, Store, Training
from rps_assets.training.intervals import intervals_plot, rate_interval
from rps_core.store.analytics.filters import GameFilter
from rps_core.store.analytics.standings import bot_win_rates
from rps_core.store.analytics.standings import leaderboard as ranking_of_people
from rps_core.store.reports import DATA_DRIFT_REPORT, PARITY_TOLERANCE, Reports

if TYPE_CHECKING:
    from rps_assets.monitoring.accuracy import LiveAccuracy
    from rps_assets.monitoring.cal import CalProbe

LIVE_ACCURACY_REPORT, PARITY_REPORT, CAL_REPORT = "live_accuracy", "parity", "cal_probe"
LEADERBOARD_SIZE = 20
DRIFTED_COLUMNS = 15


@asset(
    keys.LEADERBOARD,
    deps=[keys.ROUNDS],
    kinds={"sql"},
    description="The people who win most, as the page ranks them, and the share of its games with people that each "
    "opponent wins.",
)
def leaderboard(
    operations_settings: Operations, service_settings: Services, gameplay_store: Store
) -> dg.MaterializeResult[None]:
    """Run the queries that the API runs for the page."""
    filters = GameFilter(operations_settings.metrics_since)
    with gameplay_store.connect() as connection:
        board = ranking_of_people(connection, filters, LEADERBOARD_SIZE)
        bots = bot_win_rates(connection, filters)
    rows = [(s.rank, s.player_name, s.total_games, s.wins, s.losses, s.ties, s.win_rate) for s in board.standings]
    rates = [
        rate_interval(f"{policy} ({bot.human_games} games)", bot.bot_wins, bot.human_games)
        for policy, bot in bots.rates.items()
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "leaderboard": table(("rank", "player", "games", "won", "lost", "tied", "win rate %"), rows),
            "games_with_people": sum(bot.human_games for bot in bots.rates.values()),
            "win_rates": inline("win rates", intervals_plot(rates, "Games with people", "won by the bot", 0.5)),
            "play": links.game(service_settings),
        }
    )


@asset(
    keys.DATA_DRIFT,
    deps=[keys.ROUNDS, keys.DATASET],
    kinds={"polars"},
    description="The newest games compared with the training dataset, feature by feature: the population stability "
    "index. Prometheus reads it as rps_data_drift_score, and its limit as rps_data_drift_limit.",
)
def data_drift(
    training_settings: Training, service_settings: Services, gameplay_store: Store, datasets: Datasets
) -> dg.MaterializeResult[None]:
    """Measure the drift and store the report."""
    from rps_assets.monitoring.stored_play import drift_of_newest_games

    drift = drift_of_newest_games(gameplay_store, datasets, training_settings)
    payload = {
        "scores": drift.scores,
        "limits": dict(drift.limits),
        "reference_rows": drift.reference_rows,
        "current_rows": drift.current_rows,
    }
    Reports(gameplay_store).write(DATA_DRIFT_REPORT, payload, datetime.now(UTC))
    largest = [(column, readable(score)) for column, score in drift.by_column[:DRIFTED_COLUMNS]]
    return dg.MaterializeResult(
        metadata={
            "reference_rows": drift.reference_rows,
            "current_rows": drift.current_rows,
            **{f"score_{scope}": readable(score) for scope, score in drift.scores.items()},
            **{f"limit_{scope}": readable(limit) for scope, limit in drift.limits.items()},
            "largest": table(("column", "stability index"), largest),
            "dataset": links.asset(service_settings, keys.DATASET),
            "metrics": "rps_data_drift_score, rps_data_drift_limit",
        }
    )


@asset(
    keys.LIVE_ACCURACY,
    deps=[keys.ROUNDS, *keys.MODELS.values()],
    kinds={"sql"},
    description="How often each version predicted the move in play, with its confidence interval, compared with its "
    "hold-out accuracy. A difference of more than five points calls for a closer look.",
)
def live_accuracy(gameplay_store: Store) -> dg.MaterializeResult[None]:
    """Compare live and hold-out accuracy and store the report."""
    from rps_assets.monitoring.stored_play import live_accuracies_of_runs, log_losses_of_runs

    found = live_accuracies_of_runs(gameplay_store)
    verdicts = {verdict: sum(run.verdict == verdict for run in found) for verdict in ("within", "undecided", "away")}
    away = [f"{run.record.family} v{run.record.version}" for run in found if run.verdict == "away"]
    Reports(gameplay_store).write(LIVE_ACCURACY_REPORT, {"away": away, "verdicts": verdicts}, datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(found),
            **verdicts,
            "versions": accuracy_table(found, log_losses_of_runs(gameplay_store)),
            "plot": inline("live accuracy", accuracy_plot(found)),
        }
    )


def accuracy_table(
    found: "list[LiveAccuracy]", log_losses: Mapping[str, tuple[float | None, float | None]]
) -> dg.MetadataValue:
    """Return live accuracies and log losses as a table, newest versions first.

    Args:
        found: live accuracies.
        log_losses: by run id, in play and on the hold-out.
    """
    rows = [
        (
            run.record.family,
            run.record.version,
            run.record.predictions,
            f"{run.live:.3f}",
            f"{run.low:.3f} to {run.high:.3f}",
            decimals(run.holdout),
            run.verdict,
            *map(decimals, log_losses.get(run.record.run_id, (None, None))),
        )
        for run in newest_of_each(found)
    ]
    header = ("family", "version", "predictions", "live", "95 % interval", "hold-out", "verdict")
    return table((*header, "log loss, newest games", "log loss, hold-out"), rows)


@asset(
    keys.PARITY,
    deps=[keys.ROUNDS, keys.SERVED_MODELS],
    kinds={"onnx"},
    description="The stored predictions of the newest games, computed again from the stored rounds with the graph of "
    f"the run that made them. Features must be equal to the bit, probabilities within {PARITY_TOLERANCE:.0e}.",
)
def parity(gameplay_store: Store, model_registry: Registry, model_cache: Cache) -> dg.MaterializeResult[None]:
    """Compute the predictions again and store the report."""
    from rps_assets.monitoring.stored_play import bundles_by_run, parity_of_newest_games

    found = parity_of_newest_games(gameplay_store, bundles_by_run(model_registry, model_cache))
    payload: dict[str, Any] = {
        "holds": found.holds,
        "checked": found.checked,
        "feature_difference": found.feature_difference,
        "probability_difference": found.probability_difference,
        "worst": found.worst,
    }
    Reports(gameplay_store).write(PARITY_REPORT, payload, datetime.now(UTC))
    lost = ", ".join(f"run {run_id}: {count} predictions" for run_id, count in found.unavailable.items())
    return dg.MaterializeResult(metadata={**payload, "unavailable_models": lost or "none"})


@asset(
    keys.CAL_PROBE,
    deps=[keys.ROUNDS, keys.SERVED_MODELS],
    kinds={"onnx"},
    description="Cal's move follows from the points. A model that learned from Cal must therefore predict Cal in play "
    "as well as in games it did not train on. If it does not, serving computes other features than training.",
)
def cal_probe(
    context: dg.AssetExecutionContext, gameplay_store: Store, datasets: Datasets, model_cache: Cache
) -> dg.MaterializeResult[None]:
    """Compare live and hold-out accuracy on Cal's rounds and store the report."""
    from rps_assets.monitoring.stored_play import probe_served

    probes = probe_served(gameplay_store, datasets, model_cache, context.log.warning)
    too_low = [f"{probe.slot} v{probe.version}" for probe in probes if probe.verdict == "too low"]
    Reports(gameplay_store).write(CAL_REPORT, {"too_low": too_low, "probed": len(probes)}, datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={"dagster/row_count": len(probes), "too_low": len(too_low), "probes": probes_table(probes)}
    )


def probes_table(probes: "list[CalProbe]") -> dg.MetadataValue:
    """Return Cal probes as a table."""
    rows = [
        (
            probe.slot,
            probe.version,
            probe.predictions,
            f"{probe.live:.3f}",
            f"{probe.low:.3f} to {probe.high:.3f}",
            "-" if probe.holdout is None else f"{probe.holdout:.3f} of {probe.holdout_examples}",
            probe.verdict,
        )
        for probe in probes
    ]
    return table(("slot", "version", "predictions", "live", "95 % interval", "hold-out", "verdict"), rows)


REPORT_ASSETS = [leaderboard, data_drift, live_accuracy, parity, cal_probe]
