"""Log loss of each model in the newest games, from the stored probabilities of the played moves."""

import math
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rps_core.game.families import ModelIdentity
from rps_core.store import GameStore
from rps_core.store.analytics.losses import mean_losses, newest_losses
from tests.builders.games import START, new_game, play_next, predicted

OLD, NEW = ModelIdentity("1", "a" * 32), ModelIdentity("2", "b" * 32)


def test_the_losses_are_those_of_the_newest_games_by_model_and_kind_of_player(engine: Engine) -> None:
    store = GameStore(engine)
    for number, (model, kind, sure) in enumerate([(OLD, "human", 0.9), (NEW, "human", 0.5), (NEW, "scripted", 0.2)]):
        game = new_game(f"game-{number}", created_at=START + timedelta(minutes=number), player_kind=kind)
        store.write([game])
        made = predicted("B", "xgboost", correct=sure > 0.4, model=model)
        made = made._replace(probabilities=((1 - sure) / 2, sure, (1 - sure) / 2))
        for move in ("paper", "rock"):
            play_next(store, store.load_game(game.id), move, "rock", predictions=(made,))
    # Tests count for no version.
    store.write([new_game("test", created_at=START + timedelta(hours=1), player_kind="test")])
    with engine.connect() as connection:
        losses, newest = newest_losses(connection), newest_losses(connection, newest=2)
    assert len(losses) == 6
    assert {one.predictor.model_version for one in newest} == {"2"}
    found = mean_losses(losses, lambda one: (one.predictor.run_id, one.player_kind))
    assert found == {
        (OLD.run_id, "human"): pytest.approx(-(math.log(0.9) + math.log(0.05)) / 2),
        (NEW.run_id, "human"): pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2),
        (NEW.run_id, "scripted"): pytest.approx(-(math.log(0.2) + math.log(0.4)) / 2),
    }
