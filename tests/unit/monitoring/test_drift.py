"""The population stability index."""

import math

import numpy as np
import polars as pl
import pytest

from rps_assets.monitoring.drift import MOVED, STABLE, Drift, measure_drift, stability_index
from rps_core.features.contract import CURRENT_CONTRACT
from tests.builders.simulation import dataset_frame

STARTS = 200


def test_two_samples_of_one_population_are_stable() -> None:
    random = np.random.default_rng(1)
    assert stability_index(random.normal(size=3_000), random.normal(size=1_000)) < STABLE


def test_a_shift_by_a_standard_deviation_counts_as_moved() -> None:
    random = np.random.default_rng(1)
    assert stability_index(random.normal(size=3_000), random.normal(1.0, size=1_000)) > MOVED


def test_the_index_follows_its_definition() -> None:
    before, now = np.array([0] * 50 + [1] * 50), np.array([0] * 80 + [1] * 20)
    shares = [((50.5 / 101), (80.5 / 101)), ((50.5 / 101), (20.5 / 101))]
    expected = sum((c - r) * math.log(c / r) for r, c in shares)
    assert stability_index(before, now) == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_the_two_values_of_a_binary_column_have_separate_bins_at_any_share(share: float) -> None:
    ones = int(1_000 * share)
    column = np.array([1.0] * ones + [0.0] * (1_000 - ones))
    assert stability_index(column, column) == 0
    assert stability_index(column, 1 - column) > 0 or share == 0.5


def test_unknown_values_give_a_finite_index() -> None:
    found = stability_index(np.zeros(500), np.ones(500))
    assert math.isfinite(found)
    known = stability_index(np.linspace(0, 1, 500), np.full(500, 9.0))
    assert MOVED < known < math.inf


def with_ids(frame: pl.DataFrame, prefix: str) -> pl.DataFrame:
    return frame.with_columns(game_id=prefix + pl.col("game_id"))


def test_the_newest_games_are_not_compared_with_themselves() -> None:
    frame = dataset_frame(60)
    newest = frame.filter(pl.col("game_id").is_in(frame["game_id"].unique(maintain_order=True).tail(25).to_list()))
    drift = measure_drift(frame, newest, CURRENT_CONTRACT)
    assert drift.reference_rows == len(frame) - len(newest)
    assert drift.scores["label"] < STABLE


def test_games_of_a_single_player_are_drift_and_the_columns_are_named() -> None:
    drift = measure_drift(dataset_frame(60), with_ids(dataset_frame(40, players=("cal",)), "new-"), CURRENT_CONTRACT)
    assert drift.scores["features"] > MOVED
    assert drift.by_column[0][1] == max(score for _, score in drift.by_column)
    assert {name for name, _ in drift.by_column} == {*CURRENT_CONTRACT.columns, "label"}


def test_fresh_starts_of_one_population_give_hardly_a_false_alarm() -> None:
    pool, random = dataset_frame(240, seed=3), np.random.default_rng(22)
    ids, alarms, before = pool["game_id"].unique(maintain_order=True), 0, 0
    for _ in range(STARTS):
        chosen = random.choice(len(ids), size=75, replace=False)
        frame = pool.filter(pl.col("game_id").is_in(ids[chosen.tolist()].implode()))
        newest = frame.filter(pl.col("game_id").is_in(ids[chosen[:25].tolist()].implode()))
        drift = measure_drift(frame, newest, CURRENT_CONTRACT)
        alarms += any(score > drift.limits[scope] for scope, score in drift.scores.items())
        before += drift.scores["features"] > MOVED
    assert alarms <= 0.01 * STARTS
    assert before > 0.01 * STARTS


def test_too_few_rows_give_no_index() -> None:
    frame = dataset_frame(10)
    assert measure_drift(frame, with_ids(frame, "new-"), CURRENT_CONTRACT).scores == {}
    assert Drift(0, 0, ()).scores == {}
