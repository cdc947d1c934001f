"""Two processes on one store: a process notices the rounds that the other has played."""

from tests.unit.api.conftest import Start


def test_a_game_continues_where_another_process_left_it(open_table: Start) -> None:
    here, there = open_table(), open_table()
    game = here.start()["game_id"]
    assert here.play(game)["round"] == 1
    assert there.play(game, "paper")["round"] == 2
    third = here.play(game, "scissors")
    assert third["round"] == 3
    assert there.play(game)["round"] == 4
    view = there.client.get(f"/games/{game}").json()
    assert [played["user_move"] for played in view["rounds"]] == ["rock", "paper", "scissors", "rock"]
    assert third["user_score"] == view["rounds"][2]["user_score"]


def test_a_repeated_request_that_another_process_answered_is_not_played_again(open_table: Start) -> None:
    here, there = open_table(), open_table()
    game = here.start()["game_id"]
    here.play(game, key="one")
    answered = there.play(game, key="two", round=2)
    assert here.play(game, key="two", round=2) == answered
    assert here.play(game, round=2) == answered
    refused = here.try_play(game, key="three", round=2)
    assert (refused.status_code, refused.json()["current_round"]) == (409, 3)


def test_a_round_ahead_of_this_process_memory_is_not_a_conflict(open_table: Start) -> None:
    here, there = open_table(), open_table()
    game = here.start()["game_id"]
    here.play(game, round=1)
    there.play(game, round=2)
    assert here.play(game, round=3)["round"] == 3


def test_a_game_that_another_process_finished_is_finished_here(open_table: Start) -> None:
    here, there = open_table(plays_per_minute=0), open_table(plays_per_minute=0)
    game = here.start()["game_id"]
    here.play(game)
    last = there.play_to_the_end(game)[-1]
    refused = here.try_play(game)
    assert refused.status_code == 409
    assert refused.json()["winner"] == last["winner"]
    assert here.client.get(f"/games/{game}").json()["status"] == "finished"
