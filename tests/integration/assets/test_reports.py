"""The reports through Dagster, on games whose predictions the served models really made."""

import re
from datetime import timedelta
from random import Random
from typing import Any

import dagster as dg
import numpy as np
import pytest
from sqlalchemy import Connection, case, select, update

from rps_assets.assets import keys
from rps_assets.monitoring import drift
from rps_assets.training.onnx_export import run_onnx
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.rows import features_of_round
from rps_core.game.choice import most_probable, sanitize_probabilities
from rps_core.game.families import ALIASES, ModelIdentity
from rps_core.game.moves import MOVES
from rps_core.store.game_store import GameStore
from rps_core.store.games import GameRound, StoredPrediction
from rps_core.store.lineage import ModelLineage
from rps_core.store.reports import Reports
from rps_core.store.schema import SLOT_COLUMNS, events, predictors
from tests.builders.games import START, new_game, next_round
from tests.integration.assets.world import World, failure_of, fill_store, metadata_of


def play_served(world: World, n_games: int, player: str = "Ada", kind: str = "human") -> None:
    """Play games of a person against forrest, whose four aliases predict with the graphs that the cache holds."""
    store, random, lineage = GameStore(world.engine), Random(1), ModelLineage(world.engine)
    index = world.cache.read_index()
    assert index is not None
    entries = {entry.alias: entry for entry in index.entries if entry.family == "xgboost"}
    bundles = {alias: world.cache.read_bundle(entry) for alias, entry in entries.items()}
    for alias, entry in entries.items():
        lineage.remember(ModelIdentity(entry.version, entry.run_id), bundles[alias].manifest, START)
    for number in range(n_games):
        store.write([new_game(f"{player}-{number}", player_name=player, player_kind=kind, model=None)])
        while (game := store.load_game(f"{player}-{number}")).finished_at is None:
            new = next_round(game, random.choice(MOVES), random.choice(MOVES))
            made = []
            if new.round_no >= 4:
                row = np.array([features_of_round(CURRENT_CONTRACT, game.rounds, new.points)], dtype=np.float32)
                for alias in ALIASES:
                    answer = run_onnx(bundles[alias].onnx_bytes, row).astype(np.float64).ravel().tolist()
                    probabilities = sanitize_probabilities(answer)
                    identity = ModelIdentity(entries[alias].version, entries[alias].run_id)
                    correct = most_probable(probabilities) == new.user_move
                    made.append(StoredPrediction(alias, "xgboost", identity, probabilities, correct))
            store.write([GameRound(game, new._replace(predictions=made))])


def rewrite_predictions(connection: Connection, *, correct: bool) -> None:
    """Make every stored prediction a certain one."""
    for _, *names in SLOT_COLUMNS.values():
        certain = {
            name: case((events.c.user_move == move, int(correct)), else_=int(not correct))
            for name, move in zip(names, MOVES, strict=True)
        }
        connection.execute(update(events).values(certain))


def report(world: World, key: dg.AssetKey) -> tuple[dict[str, Any], bool]:
    """Write one report and return what it shows and whether its check passed."""
    result = world.run("write_reports", tags={}, only=[key.to_user_string()])
    assert result.success, failure_of(result)
    passed = [one.passed for one in result.get_asset_check_evaluations()]
    return metadata_of(result, key), all(passed)


@pytest.fixture
def played(trained: World) -> World:
    play_served(trained, 3)
    return trained


def test_what_was_served_is_what_was_trained(played: World) -> None:
    shown, passed = report(played, keys.PARITY)
    assert passed
    assert shown["checked"] > 60
    assert shown["feature_difference"] == 0
    assert shown["unavailable_models"] == "none"


def test_a_prediction_that_was_made_otherwise_fails_the_check_and_is_named(played: World) -> None:
    with played.engine.begin() as connection:
        connection.execute(
            update(events)
            .where(events.c.game_id == "Ada-1", events.c.step_no == 5)
            .values(b_p_rock=events.c.b_p_rock + 1e-4)
        )
    shown, passed = report(played, keys.PARITY)
    assert not passed
    assert "game Ada-1, round 5, B" in shown["worst"]


def test_a_round_that_was_changed_afterwards_fails_the_check(played: World) -> None:
    with played.engine.begin() as connection:
        connection.execute(update(events).where(events.c.game_id == "Ada-0").values(user_move="rock"))
    assert not report(played, keys.PARITY)[1]


def test_predictions_of_a_model_that_is_gone_are_counted_apart(played: World) -> None:
    with played.engine.begin() as connection:
        gone = select(events.c.b_model).where(events.c.b_model.is_not(None)).limit(1).scalar_subquery()
        connection.execute(update(predictors).where(predictors.c.id == gone).values(run_id="0" * 32))
    shown, passed = report(played, keys.PARITY)
    assert passed
    assert shown["unavailable_models"].startswith(f"run {'0' * 32}: ")


def test_live_accuracy_stands_beside_the_holdout_of_each_version(played: World) -> None:
    shown, passed = report(played, keys.LIVE_ACCURACY)
    assert passed
    assert shown["dagster/row_count"] == 4
    assert re.search(r"\| too few \| \d\.\d{3} \|", shown["versions"])
    with played.engine.begin() as connection:
        rewrite_predictions(connection, correct=True)
    play_served(played, 14, player="Eve")
    with played.engine.begin() as connection:
        rewrite_predictions(connection, correct=True)
    shown, passed = report(played, keys.LIVE_ACCURACY)
    assert not passed
    assert shown["away"] == 4


def test_cal_who_is_predicted_at_chance_in_play_fails_the_check(trained: World) -> None:
    shown, passed = report(trained, keys.CAL_PROBE)
    assert passed
    assert shown["dagster/row_count"] == 12
    play_served(trained, 8, player="Cal", kind="scripted")
    with trained.engine.begin() as connection:
        rewrite_predictions(connection, correct=False)
    trained.engine.dispose()
    probed = metadata_of(trained.run("write_reports", tags={}, only=["reports/cal_probe"]), keys.CAL_PROBE)["probes"]
    # Two epochs of training leave no model that predicts Cal; what is tested is that his rounds were counted.
    assert "| xgboost@B |" in probed
    assert " 0.000 | 0.000 to " in probed


def test_too_few_games_are_no_drift(trained: World) -> None:
    shown, passed = report(trained, keys.DATA_DRIFT)
    kept = Reports(trained.engine).read("data_drift")
    assert kept is not None
    assert kept.payload == {"scores": {}, "limits": {}} | {
        name: shown[name] for name in ("reference_rows", "current_rows")
    }
    assert passed


def test_new_games_of_one_player_alone_are_drift_and_kept_for_the_metrics(trained: World) -> None:
    # Samples of few training games differ by much: the dataset needs games enough for a limit that one player exceeds.
    fill_store(trained.engine, 160, prefix="before", start=START + timedelta(days=1))
    result = trained.run("train_models", only=["training/games", "training/dataset"])
    assert result.success, failure_of(result)
    fill_store(trained.engine, 60, prefix="later", start=START + timedelta(days=2), players=("cal",))
    shown, passed = report(trained, keys.DATA_DRIFT)
    assert not passed
    assert shown["score_features"] > shown["limit_features"] >= drift.MOVED
    kept = Reports(trained.engine).read("data_drift")
    assert kept is not None
    for name in ("score", "limit"):
        assert kept.payload[f"{name}s"]["features"] == pytest.approx(shown[f"{name}_features"], rel=1e-3)


def test_the_leaderboard_shows_people_whatever_they_are_called(trained: World) -> None:
    play_served(trained, 5, player="A|da\n<b>")
    shown, _ = report(trained, keys.LEADERBOARD)
    assert "| 1 | A\\|da <b> | 5 |" in shown["leaderboard"]
    assert "data:image/png;base64," in shown["win_rates"]


def test_a_check_without_its_report_says_what_to_materialise(world: World) -> None:
    from rps_assets.checks.reports import ReportMissing, read_report

    with pytest.raises(ReportMissing, match="materialise reports/parity first"):
        read_report(world.engine, "parity")


def test_an_empty_product_has_reports_too(world: World) -> None:
    result = world.run(
        "write_reports", tags={}, only=["reports/leaderboard", "reports/live_accuracy", "reports/parity"]
    )
    assert result.success, failure_of(result)
