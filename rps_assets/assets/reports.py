"""Assets reports/*: how people play, how play drifts, and whether what is served is what was trained.

What is computed is in `rps_assets.monitoring`. Each report is also kept in the gameplay store, where its check and the
API's metrics read it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import msgspec
from sqlalchemy import Connection, Engine

from rps_assets.assets import keys
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.plots import Interval, inline, intervals_plot, rate_interval
from rps_assets.serving.model_registry import ModelRegistry, RegistryError
from rps_core.bundle import MODEL_FILE, BundleManifest
from rps_core.cache import ModelCache
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.markdown import markdown_table
from rps_core.settings import Settings
from rps_core.store.game_store import GameStore
from rps_core.store.reports import DATA_DRIFT_REPORT, Reports

if TYPE_CHECKING:
    from rps_assets.monitoring.accuracy import LiveAccuracy
    from rps_assets.monitoring.cal import CalProbe
    from rps_assets.monitoring.parity import Parity

LIVE_ACCURACY_REPORT, PARITY_REPORT, CAL_REPORT = "live_accuracy", "parity", "cal_probe"
LEADERBOARD_SIZE = 20
# The newest games that are computed again: about two thousand predictions, a second of work.
PARITY_GAMES = 60
# Live accuracy is shown of so many versions a family: those in the slots are the newest.
SHOWN_VERSIONS = 12


@dg.asset(
    key=keys.LEADERBOARD,
    deps=[keys.ROUNDS],
    kinds={"sql"},
    description="The people who win most, as the page shows them, and what each opponent wins of its games with "
    "people.",
    group_name="reports",
    owners=keys.OWNERS,
    code_version="1",
)
def leaderboard(
    settings: dg.ResourceParam[Settings], gameplay_store: dg.ResourceParam[Engine]
) -> dg.MaterializeResult[None]:
    """Ask the store what the API asks it."""
    from rps_core.store.analytics import GameFilter, bot_win_rates
    from rps_core.store.analytics import leaderboard as ask

    filters = GameFilter(settings.operations.metrics_since)
    with gameplay_store.connect() as connection:
        board, bots = ask(connection, filters, LEADERBOARD_SIZE), bot_win_rates(connection, filters)
    rows = [(s.rank, s.player_name, s.total_games, s.wins, s.losses, s.ties, s.win_rate) for s in board.standings]
    rates = [rate_interval(f"{one.policy} ({one.games} games)", one.bot_wins, one.games) for one in bots.rates]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "leaderboard": table(("rank", "player", "games", "won", "lost", "tied", "win rate %"), rows),
            "games_with_people": sum(one.games for one in bots.rates),
            "win_rates": inline("win rates", intervals_plot(rates, "Games with people", "won by the bot", 0.5)),
            "play": links.api(settings.services, "/"),
        }
    )


@dg.asset(
    key=keys.DATA_DRIFT,
    deps=[keys.ROUNDS, keys.DATASET],
    kinds={"polars"},
    description="The newest games against the training dataset, feature by feature: the population stability index. "
    "Exposed to Prometheus as rps_data_drift_score.",
    group_name="reports",
    owners=keys.OWNERS,
    code_version="1",
)
def data_drift(
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    datasets: dg.ResourceParam[Any],
) -> dg.MaterializeResult[None]:
    """Build the examples of the newest games as the dataset builds its own, and compare."""
    from rps_assets.assets.training_data import build_dataset
    from rps_assets.datasets.selection import kept_games, plan_training_games, read_games
    from rps_assets.monitoring.drift import MAX_CURRENT_ROWS, measure_drift

    info, frame = datasets.read_latest(CURRENT_CONTRACT)
    since, stride = settings.training.training_data_since, settings.training.training_scripted_game_stride
    # At most a third of the dataset: what is compared must leave something to be compared with.
    wanted = min(MAX_CURRENT_ROWS, info.examples // 3)
    with gameplay_store.connect() as connection:
        games = read_games(connection, since, include_recordings=settings.training.training_include_recordings)
        selected = kept_games(plan_training_games(games, since, stride, settings.training.max_usable_rows))
        newest = selected.reverse()
        newest = newest.filter(newest["examples"].cum_sum() <= wanted)
        drift = measure_drift(frame, build_dataset(connection, newest.reverse()), CURRENT_CONTRACT)
    payload = {"scores": drift.scores, "reference_rows": drift.reference_rows, "current_rows": drift.current_rows}
    Reports(gameplay_store).write(DATA_DRIFT_REPORT, payload, datetime.now(UTC))
    largest = [(column, readable(score)) for column, score in drift.by_column[:15]]
    return dg.MaterializeResult(
        metadata={
            "reference_rows": drift.reference_rows,
            "current_rows": drift.current_rows,
            **{f"score_{scope}": readable(score) for scope, score in drift.scores.items()},
            "largest": table(("column", "stability index"), largest),
            "dataset": links.asset(settings.services, keys.DATASET),
            "metric": links.api(settings.services, "/metrics"),
        }
    )


@dg.asset(
    key=keys.LIVE_ACCURACY,
    deps=[keys.ROUNDS, *keys.MODELS.values()],
    kinds={"sql"},
    description="How often each version predicted the move in play, with its confidence interval, beside what its "
    "hold-out promised: more than five points apart asks for a closer look.",
    group_name="reports",
    owners=keys.OWNERS,
    code_version="1",
)
def live_accuracy(gameplay_store: dg.ResourceParam[Engine]) -> dg.MaterializeResult[None]:
    """Count predictions by run and read the hold-outs from the manifests that came with the models."""
    from rps_assets.monitoring.accuracy import RunRecord, live_accuracies
    from rps_core.store.analytics.monitoring import predictions_by_run

    with gameplay_store.connect() as connection:
        records = [RunRecord(*row) for row in predictions_by_run(connection)]
        holdouts = holdouts_by_run(connection)
    found = live_accuracies(records, holdouts)
    verdicts = {one: sum(found_one.verdict == one for found_one in found) for one in ("within", "undecided", "away")}
    away = [f"{one.record.family} v{one.record.version}" for one in found if one.verdict == "away"]
    Reports(gameplay_store).write(LIVE_ACCURACY_REPORT, {"away": away, "verdicts": verdicts}, datetime.now(UTC))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(found),
            **verdicts,
            "versions": accuracy_table(found),
            "plot": inline("live accuracy", accuracy_plot(found)),
        }
    )


def holdouts_by_run(connection: Connection) -> dict[str, float]:
    """Return the accuracy on the hold-out of every model that was served here, by run."""
    from rps_core.store.analytics.monitoring import manifests_of_runs

    found = {}
    for run_id, text in manifests_of_runs(connection).items():
        metrics = msgspec.json.decode(text, type=BundleManifest).metrics
        if "test_accuracy" in metrics:
            found[run_id] = metrics["test_accuracy"]
    return found


def accuracy_table(found: "list[LiveAccuracy]") -> dg.MetadataValue:
    """Return live accuracies as a table, newest versions first."""
    rows = [
        (
            one.record.family,
            one.record.version,
            one.record.predictions,
            f"{one.live:.3f}",
            f"{one.low:.3f} to {one.high:.3f}",
            "-" if one.holdout is None else f"{one.holdout:.3f}",
            one.verdict,
        )
        for one in newest_of_each(found)
    ]
    return table(("family", "version", "predictions", "live", "95 % interval", "hold-out", "verdict"), rows)


def accuracy_plot(found: "list[LiveAccuracy]") -> bytes:
    """Draw live accuracy minus hold-out of the newest versions; within five points of the line is as promised."""
    intervals = [
        Interval(f"{one.record.family} v{one.record.version}", one.live - h, one.low - h, one.high - h)
        for one in newest_of_each(found)
        for h in [one.holdout]
        if h is not None and one.record.predictions
    ]
    return intervals_plot(intervals, "Live accuracy against the hold-out", "live minus hold-out", 0.0)


def newest_of_each(found: "list[LiveAccuracy]") -> "list[LiveAccuracy]":
    """Return the newest versions of each family."""
    shown: dict[str, int] = {}
    newest = []
    for one in found:
        shown[one.record.family] = shown.get(one.record.family, 0) + 1
        if shown[one.record.family] <= SHOWN_VERSIONS:
            newest.append(one)
    return newest


@dg.asset(
    key=keys.PARITY,
    deps=[keys.ROUNDS, keys.SERVED_MODELS],
    kinds={"onnx"},
    description="Stored predictions of the newest games computed again from the stored rounds, with the graph of the "
    "run that is stored with each: features to the bit, probabilities within 1e-6.",
    group_name="reports",
    owners=keys.OWNERS,
    code_version="1",
)
def parity(
    gameplay_store: dg.ResourceParam[Engine],
    model_registry: dg.ResourceParam[ModelRegistry],
    model_cache: dg.ResourceParam[ModelCache],
) -> dg.MaterializeResult[None]:
    """Read games and predictions, compute again, compare."""
    found = measure_stored(gameplay_store, graphs(model_registry, model_cache))
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


def measure_stored(store: Engine, graph_of: Callable[[str], bytes | None]) -> "Parity":
    """Compare the stored predictions of the newest games with recomputed ones."""
    from rps_assets.monitoring.parity import PlayedGame, Predicted, measure_parity
    from rps_core.store.analytics.monitoring import newest_predicted_games, predictions_of_games

    with store.connect() as connection:
        ids = newest_predicted_games(connection, PARITY_GAMES)
        stored = predictions_of_games(connection, ids)
    played = [GameStore(store).load_game(game_id) for game_id in ids]
    return measure_parity(
        [PlayedGame(game.id, game.easy_mode, game.rounds) for game in played],
        [
            Predicted(
                row["game_id"],
                row["step_no"],
                row["alias"],
                row["run_id"],
                (row["p_rock"], row["p_paper"], row["p_scissors"]),
            )
            for row in stored
        ],
        graph_of,
    )


def graphs(registry: ModelRegistry, cache: ModelCache) -> Callable[[str], bytes | None]:
    """Return a function that finds the graph of a run: in the cache if it is served, else in the registry."""
    index = cache.read_index()
    served = {entry.run_id: entry for entry in (index.entries if index else ())}

    def graph_of(run_id: str) -> bytes | None:
        if run_id in served:
            return cache.read_bundle(served[run_id], CURRENT_CONTRACT).onnx_bytes
        try:
            return registry.download_model(run_id).get(MODEL_FILE)
        except RegistryError:
            return None

    return graph_of


@dg.asset(
    key=keys.CAL_PROBE,
    deps=[keys.ROUNDS, keys.SERVED_MODELS],
    kinds={"onnx"},
    description="Cal's move follows from the points, so a model that learned from him must predict him in play as well "
    "as in games that did not train it. If it does not, serving sees something else than training did.",
    group_name="reports",
    owners=keys.OWNERS,
    code_version="1",
)
def cal_probe(
    context: dg.AssetExecutionContext,
    gameplay_store: dg.ResourceParam[Engine],
    datasets: dg.ResourceParam[Any],
    model_cache: dg.ResourceParam[ModelCache],
) -> dg.MaterializeResult[None]:
    """Count Cal's rounds live and predict those of the dataset that did not train the model."""
    probes = probe_served(gameplay_store, datasets, model_cache, context.log.warning)
    too_low = [f"{one.slot} v{one.version}" for one in probes if one.verdict == "too low"]
    Reports(gameplay_store).write(CAL_REPORT, {"too_low": too_low, "probed": len(probes)}, datetime.now(UTC))
    rows = [
        (
            one.slot,
            one.version,
            one.predictions,
            f"{one.live:.3f}",
            f"{one.low:.3f} to {one.high:.3f}",
            "-" if one.holdout is None else f"{one.holdout:.3f} of {one.holdout_examples}",
            one.verdict,
        )
        for one in probes
    ]
    columns = ("slot", "version", "predictions", "live", "95 % interval", "hold-out", "verdict")
    return dg.MaterializeResult(
        metadata={"dagster/row_count": len(rows), "too_low": len(too_low), "probes": table(columns, rows)}
    )


def probe_served(store: Engine, datasets: Any, cache: ModelCache, warn: Callable[[str], None]) -> "list[CalProbe]":
    """Probe each served version; one whose dataset is gone has no hold-out."""
    from rps_assets.monitoring.cal import CAL, cal_holdout, probe_cal
    from rps_core.store.analytics.monitoring import games_of_player, predictions_by_run

    with store.connect() as connection:
        live = {row.run_id: row for row in predictions_by_run(connection, player_name=CAL)}
        cal_games = games_of_player(connection, CAL)
    index = cache.read_index()
    probes = []
    for entry in index.entries if index else ():
        bundle = cache.read_bundle(entry, CURRENT_CONTRACT)
        holdout: tuple[float | None, int] = (None, 0)
        try:
            frame = datasets.read(bundle.manifest.dataset.fingerprint, CURRENT_CONTRACT)
            holdout = cal_holdout(frame, cal_games, bundle.onnx_bytes)
        except RpsError as error:
            warn(f"{entry.slot}: {error}")
        row = live.get(entry.run_id)
        counts = (row.predictions, row.correct) if row else (0, 0)
        probes.append(probe_cal(str(entry.slot), entry.version, *counts, *holdout))
    return probes


REPORT_ASSETS = [leaderboard, data_drift, live_accuracy, parity, cal_probe]


def table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dg.MetadataValue:
    """Return rows as a Markdown table."""
    return dg.MetadataValue.md(markdown_table(columns, rows))
