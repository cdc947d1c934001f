"""Measurements of the reports, read from the gameplay store, the cache and the registry."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, Engine

from rps_assets.datasets.build import build_dataset
from rps_assets.datasets.dataset_folder import DatasetFolder, is_of_prior
from rps_assets.datasets.feature_tables import TABLES
from rps_assets.datasets.selection import kept_games
from rps_assets.datasets.training_games import newest_games, select_games
from rps_assets.monitoring.accuracy import LiveAccuracy, RunRecord, live_accuracies
from rps_assets.monitoring.cal import CAL, CalProbe, cal_holdout, probe_cal
from rps_assets.monitoring.drift import MAX_CURRENT_ROWS, Drift, measure_drift
from rps_assets.monitoring.parity import Parity, PlayedGame, Predicted, measure_parity
from rps_assets.serving.model_registry import ModelRegistry, RegistryError
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, Bundle, BundleManifest, decode_bundle
from rps_core.cache import ModelCache
from rps_core.errors import BundleError, RpsError
from rps_core.features.contract import contract_of_game
from rps_core.settings import TrainingSettings
from rps_core.store.analytics.losses import mean_losses, newest_losses
from rps_core.store.analytics.monitoring import (
    games_of_player,
    manifests_of_runs,
    newest_predicted_games,
    predictions_by_run,
    predictions_of_games,
)
from rps_core.store.game_store import GameStore

# About two thousand predictions, which take a second to compute again.
PARITY_GAMES = 60


def drift_of_newest_games(store: Engine, datasets: DatasetFolder, training: TrainingSettings) -> Drift:
    """Compare the examples of the newest games with the newest dataset."""
    info = datasets.require_latest()
    contract = contract_of_game(info.contract_version)
    frame = datasets.read(info.fingerprint, contract)
    frame = frame.filter(~is_of_prior(frame))
    # At most a third of what was played: the other examples must be enough to compare with.
    max_examples = min(MAX_CURRENT_ROWS, len(frame) // 3)
    with store.connect() as connection:
        newest = newest_games(kept_games(select_games(connection, training)), max_examples)
        return measure_drift(frame, build_dataset(connection, newest, TABLES[contract.version]), contract)


def live_accuracies_of_runs(store: Engine) -> list[LiveAccuracy]:
    """Compare each run's live accuracy with the hold-out accuracy in its manifest."""
    with store.connect() as connection:
        records = [RunRecord(*row) for row in predictions_by_run(connection)]
        holdouts = holdouts_by_run(connection, "test_accuracy")
    return live_accuracies(records, holdouts)


def log_losses_of_runs(store: Engine) -> dict[str, tuple[float | None, float | None]]:
    """Return the log loss of each run in the newest games and on its hold-out, by run id."""
    with store.connect() as connection:
        live = mean_losses(newest_losses(connection), lambda one: one.predictor.run_id)
        holdouts = holdouts_by_run(connection, "test_log_loss")
    return {run_id: (live.get(run_id), holdouts.get(run_id)) for run_id in live.keys() | holdouts.keys()}


def holdouts_by_run(connection: Connection, metric: str) -> dict[str, float]:
    """Return a metric of every model that was ever served here, by run id."""
    found = {}
    for run_id, text in manifests_of_runs(connection).items():
        metrics = msgspec.json.decode(text, type=BundleManifest).metrics
        if metric in metrics:
            found[run_id] = metrics[metric]
    return found


def parity_of_newest_games(store: Engine, bundle_of: Callable[[str], Bundle | None]) -> Parity:
    """Compute the stored predictions of the newest games again and compare.

    Args:
        store: holds games and predictions.
        bundle_of: returns the bundle of a run id, None if it no longer exists.
    """
    with store.connect() as connection:
        ids = newest_predicted_games(connection, PARITY_GAMES)
        stored = predictions_of_games(connection, ids)
    games = [GameStore(store).load_game(game_id) for game_id in ids]
    predictions = [
        Predicted(
            row["game_id"],
            row["step_no"],
            row["alias"],
            row["run_id"],
            (row["p_rock"], row["p_paper"], row["p_scissors"]),
        )
        for row in stored
    ]
    played = [PlayedGame(game.id, game.easy_mode, game.rounds, game.remembered_games) for game in games]
    remembered = sorted({game_id for game in played for game_id in game.remembered})
    earlier = GameStore(store).load_played_rounds(remembered)
    return measure_parity(played, predictions, bundle_of, earlier)


def bundles_by_run(registry: ModelRegistry, cache: ModelCache) -> Callable[[str], Bundle | None]:
    """Return a function that finds the bundle of a run: in the cache if it is served, otherwise in the registry."""
    index = cache.read_index()
    served = {entry.run_id: entry for entry in (index.entries if index else ())}

    def bundle_of(run_id: str) -> Bundle | None:
        if run_id in served:
            return cache.read_bundle(served[run_id])
        try:
            files = registry.download_model(run_id)
            return decode_bundle(files[MANIFEST_FILE], files[MODEL_FILE])
        except (RegistryError, BundleError, KeyError):
            return None

    return bundle_of


def probe_served(
    store: Engine, datasets: DatasetFolder, cache: ModelCache, warn: Callable[[str], None]
) -> list[CalProbe]:
    """Probe each served version with Cal's rounds; a version whose dataset was deleted has no hold-out."""
    with store.connect() as connection:
        live = {row.run_id: row for row in predictions_by_run(connection, player_name=CAL)}
        cal_games = games_of_player(connection, CAL)
    index = cache.read_index()
    probes = []
    for entry in index.entries if index else ():
        bundle = cache.read_bundle(entry)
        holdout: tuple[float | None, int] = (None, 0)
        try:
            frame = datasets.read(bundle.manifest.dataset.fingerprint, bundle.contract)
            holdout = cal_holdout(frame, cal_games, bundle)
        except RpsError as error:
            warn(f"{entry.slot}: {error}")
        row = live.get(entry.run_id)
        counts = (row.predictions, row.correct) if row else (0, 0)
        probes.append(probe_cal(str(entry.slot), entry.version, *counts, *holdout))
    return probes
