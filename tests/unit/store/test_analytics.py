"""Statistics over many games, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from rps_core.game.families import ModelIdentity
from rps_core.store import GameStore
from rps_core.store.analytics.training import select_rounds, select_training_games
from rps_core.store.analytics.versions import version_performance
from rps_core.store.play_counts import GameplayCounts, gameplay_counts
from tests.builders.games import MODEL, START, new_game, play_next, play_to_the_end


@pytest.fixture
def store(engine: Engine) -> GameStore:
    return GameStore(engine)


def counts(store: GameStore) -> GameplayCounts:
    return gameplay_counts(store.engine, datetime.now(UTC))


def test_an_empty_store_counts_nothing(store: GameStore) -> None:
    assert counts(store) == GameplayCounts(0, 0, 0, 0, 0, 0, None, 0)


def test_test_games_are_counted_separately(store: GameStore) -> None:
    human = play_to_the_end(store, new_game("human"))
    play_to_the_end(store, new_game("scripted", player_kind="scripted"), seed=2)
    play_to_the_end(store, new_game("test", player_kind="test"), seed=3)
    store.write([new_game("not begun")])
    store.write([new_game("running")])
    play_next(store, store.load_game("running"), "rock", "rock")
    found = counts(store)
    assert (found.games, found.finished_games, found.human_games, found.scripted_games, found.test_games) == (
        3,
        2,
        2,
        1,
        1,
    )
    assert found.rounds == len(human.rounds) + len(store.load_game("scripted").rounds) + 1


def test_training_skips_tests_old_games_and_games_that_end_in_the_opening(store: GameStore) -> None:
    kept = play_to_the_end(store, new_game("kept"))
    play_to_the_end(store, new_game("test", player_kind="test"))
    play_to_the_end(store, new_game("old", created_at=START - timedelta(days=1)))
    store.write([new_game("opening-only")])
    game = store.load_game("opening-only")
    play_next(store, game, "rock", "rock")
    with store.engine.connect() as connection:
        rows = connection.execute(select_training_games(START)).all()
    assert [(row.game_id, row.examples) for row in rows] == [("kept", len(kept.rounds) - 3)]


def test_rounds_of_some_games_or_of_all_are_selected(store: GameStore) -> None:
    named = play_to_the_end(store, new_game("named"))
    other = play_to_the_end(store, new_game("other"))
    with store.engine.connect() as connection:
        rows = connection.execute(select_rounds(["named"])).all()
        assert len(connection.execute(select_rounds()).all()) == len(named.rounds) + len(other.rounds)
    assert {row.game_id for row in rows} == {"named"}
    assert sorted((row.round_no, row.user_move, row.user_score) for row in rows) == [
        (played.round_no, played.user_move, played.user_score) for played in named.rounds
    ]


def test_results_belong_to_the_version_and_ties_are_counted_as_ties(store: GameStore) -> None:
    finished = [play_to_the_end(store, new_game(f"game-{seed}"), seed=seed) for seed in range(6)]
    other = ModelIdentity("8", "b" * 32)
    play_to_the_end(store, new_game("other", model=other, alias="B"), seed=9)
    with store.engine.connect() as connection:
        performance = {row.version: row for row in version_performance(connection)}
    seven = performance[MODEL.version]
    assert seven.games == 6 == seven.wins + seven.losses + seven.ties
    assert seven.wins == sum(game.winner == "bot" for game in finished)
    assert performance["8"].games == 1
    moves = [played.user_move for game in finished for played in game.rounds if played.round_no >= 4]
    other_rounds = store.load_game("other").rounds[3:]
    assert seven.predictions == 4 * (len(moves) + len(other_rounds))
    rocks = moves.count("rock") + sum(played.user_move == "rock" for played in other_rounds)
    assert seven.correct == 4 * rocks


def test_a_game_whose_model_changed_does_not_count_for_a_version(store: GameStore) -> None:
    store.write([new_game()])
    game = store.load_game("game-1")
    changed = {"model": ModelIdentity("8", "b" * 32), "model_switched": True}
    play_next(store, game, "rock", "rock", **changed)
    while (game := store.load_game("game-1")).finished_at is None:
        play_next(store, game, "rock", "scissors")
    with store.engine.connect() as connection:
        assert [row.games for row in version_performance(connection)] == [0]


def test_results_are_separate_for_each_kind_of_player(store: GameStore) -> None:
    play_to_the_end(store, new_game("human"))
    play_to_the_end(store, new_game("scripted", player_kind="scripted"))
    with store.engine.connect() as connection:
        assert [(row.player_kind, row.games) for row in version_performance(connection)] == [
            ("human", 1),
            ("scripted", 1),
        ]
