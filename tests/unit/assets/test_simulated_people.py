"""Games of simulated people as a prior: played once, seen as serving would see them, and worth less as people play."""

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from rps_assets.datasets.dataset_folder import PLAYED, DatasetFolder, describe, is_of_prior
from rps_assets.datasets.feature_tables import TABLES
from rps_assets.datasets.simulated_people import (
    LEAST_WEIGHT,
    materialise,
    prior_of,
    prior_weight,
    simulate_people,
    version_of,
    weighted_prior,
)
from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.fit import train_model
from rps_assets.training.parameters import default_configuration
from rps_assets.training.splits import Split, with_simulated
from rps_core.features.contract import CONTRACT_V3
from rps_core.features.steps import person_counts, steps_after
from rps_core.game.moves import MOVE_INDEX
from rps_core.game.scoring import PlayedRound
from rps_core.object_folder import ObjectFolder
from rps_core.simulation.people.population import shipped_population

GAMES = 60
TABLE = TABLES[3]


@pytest.fixture(scope="module")
def rounds() -> pl.DataFrame:
    return simulate_people(shipped_population(), GAMES)


@pytest.fixture
def datasets(tmp_path: Path) -> DatasetFolder:
    return DatasetFolder(ObjectFolder.open(f"file://{tmp_path}"))


def test_each_person_plays_its_games_one_after_the_other_and_they_repeat_with_the_seed(rounds: pl.DataFrame) -> None:
    games = rounds.group_by("game_id", maintain_order=True).agg(pl.col("person", "game_no").first())
    for (_,), own in games.group_by("person", maintain_order=True):
        assert own["game_no"].to_list() == list(range(1, len(own) + 1))
    assert games["game_no"].max() <= 20
    assert rounds.equals(simulate_people(shipped_population(), GAMES))
    assert not rounds.equals(simulate_people(shipped_population(), GAMES, seed=2))
    changed = msgspec.structs.replace(shipped_population(), first_move=(0.4, 0.3, 0.3))
    versions = [
        version_of(shipped_population(), GAMES),
        version_of(shipped_population(), 61),
        version_of(changed, GAMES),
    ]
    assert len(set(versions)) == 3


def test_the_prior_knows_of_a_person_what_serving_would_know(rounds: pl.DataFrame) -> None:
    _, examples = prior_of(rounds, TABLE)
    played: dict[str, list[PlayedRound]] = {}
    for game_id, number, user, bot, *points, user_score, bot_score in rounds.drop("person", "game_no").iter_rows():
        one = PlayedRound(number, user, bot, tuple(points), user_score, bot_score)
        played.setdefault(game_id, []).append(one)
    ids = list(played)
    firsts = dict(rounds.select("game_id", "game_no").unique().iter_rows())
    remembering = 0
    for at, game_id in enumerate(ids):
        # Every other game is played as if by a stranger.
        earlier = [played[other] for other in ids[at - firsts[game_id] + 1 : at]] if at % 2 else []
        remembering += bool(earlier)
        own = examples.filter(pl.col("game_id") == game_id)
        for row in own.iter_rows(named=True):
            known = steps_after(played[game_id][: int(row["round_no"]) - 1], person_counts(earlier))
            now = played[game_id][int(row["round_no"]) - 1]
            assert known.row(now.points) == [row[name] for name in CONTRACT_V3.columns]
            assert row["label"] == MOVE_INDEX[now.user_move]
        assert own["round_no"].to_list() == [each.round_no for each in played[game_id][3:]]
    assert remembering > GAMES // 4


def test_the_games_are_played_once(datasets: DatasetFolder) -> None:
    assert materialise(datasets, GAMES, TABLE)
    assert not materialise(datasets, GAMES, TABLE)
    # Another contract has other features, another number is another table.
    assert materialise(datasets, GAMES, TABLES[2])
    assert materialise(datasets, GAMES + 1, TABLES[2])
    assert weighted_prior(datasets, TABLE, 0, 0) is None


def test_the_weight_falls_as_people_play() -> None:
    weights = [prior_weight(examples) for examples in (0, 500, 1_500, 30_000)]
    assert weights == [1.0, 0.5, 0.25, LEAST_WEIGHT]


def test_a_dataset_counts_the_prior_apart_and_its_name_depends_on_the_weight(datasets: DatasetFolder) -> None:
    described = []
    for people in (0, 500):
        prior = weighted_prior(datasets, TABLE, GAMES, people)
        assert prior is not None
        played = prior.head(5).with_columns(
            player_kind=pl.lit("human"), weight=pl.lit(PLAYED), game_id="played-" + pl.col("game_id")
        )
        games = pl.concat([prior, played.select(prior.columns)])
        described.append(describe(games, CONTRACT_V3, datasets.features(CONTRACT_V3)))
        assert is_of_prior(games).sum() == GAMES
    one, other = described
    assert (one.games, one.human_games, one.prior_games, one.prior_weight, other.prior_weight) == (
        5,
        5,
        GAMES,
        1.0,
        0.5,
    )
    assert one.fingerprint != other.fingerprint
    assert one.examples > one.prior_examples > 0


def test_simulated_examples_train_and_decide_when_to_stop_but_measure_nothing() -> None:
    games = np.repeat(np.arange(405), 2)
    simulated = games < 400
    split = with_simulated(Split(*(np.array([row]) for row in (800, 802, 804))), games, simulated)
    assert split.test.tolist() == [804]
    assert set(split.train) | set(split.validation) == {*range(800), 800, 802}
    assert len(split.validation) - 1 == 160


def test_figures_of_a_model_come_from_what_was_played_and_weights_count() -> None:
    """Played examples stay, simulated ones move up: a third of them would win if they counted like the others."""
    random = np.random.default_rng(1)
    played, simulated = 1_000, 3_000
    n = played + simulated
    features = random.normal(0, 0.01, (n, len(CONTRACT_V3.columns)))
    last = random.integers(3, size=n)
    features[:, :3] = np.eye(3)[last]
    is_simulated = np.arange(n) < simulated
    found = {}
    for weight in (0.01, 1.0):
        dataset = TrainingDataset(
            features=features,
            labels=np.where(is_simulated, (last + 1) % 3, last),
            games=np.arange(n) // 10,
            fingerprint="",
            contract=CONTRACT_V3,
            weights=np.where(is_simulated, weight, 1.0),
            simulated=is_simulated,
        )
        metrics = train_model(dataset, default_configuration("xgboost", "Production"), seed=1).metrics
        found[weight] = [metrics[name] for name in ("test_accuracy", "cv_mean_acc", "train_acc_production")]
    assert min(found[0.01]) > 0.95
    assert max(found[1.0]) < 0.05
