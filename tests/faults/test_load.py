"""Thirty-two clients at once: no round is lost or played twice, and all counts agree."""

from collections import Counter

import httpx
import pytest

from rps_core.game.gambits import FIRST_POLICY_ROUND
from tests.faults.checks import check_predictions, check_store, metric, stored_games
from tests.faults.clients import Crowd, play_at_once
from tests.faults.conftest import Stage

pytestmark = [pytest.mark.integration, pytest.mark.in_order, pytest.mark.timeout(240)]
CROWD = 32
AT_ONCE = 20


def test_thirty_two_clients_play_without_a_lost_or_a_double_round(stage: Stage) -> None:
    crowd = Crowd(stage.server.url, CROWD)
    crowd.play(stage.games)
    assert (crowd.refusals, crowd.unanswered) == (Counter(), 0), crowd.reasons
    rounds = check_store(stage.engine, crowd.acknowledged, api_url=stage.server.url)
    predicted = check_predictions(stage.engine, rounds)
    assert crowd.winners.total() == stage.games == len(stored_games(stage.engine))
    assert {
        (row.game_id, row.step_no, row.user_move, row.bot_move) for played in rounds.values() for row in played
    } == {(answer.game_id, answer.round_no, answer.user_move, answer.bot_move) for answer in crowd.acknowledged}
    check_statistics(stage, crowd, predicted)
    assert "database is locked" not in stage.log
    assert "Traceback" not in stage.log


def check_statistics(stage: Stage, crowd: Crowd, predicted: int) -> None:
    """Check that metrics and players' statistics equal the acknowledged rounds."""
    url, played = stage.server.url, len(crowd.acknowledged)
    after_opening = sum(round_.round_no >= FIRST_POLICY_ROUND for round_ in crowd.acknowledged)
    assert metric(url, "rps_action_predictions_total") == after_opening
    assert metric(url, "rps_model_predictions_by_alias_total") == predicted
    pages = [httpx.get(f"{url}/stats/player/{name}", timeout=30) for name in crowd.names]
    people = [page.json() for page in pages if page.status_code == 200]
    assert sum(person["total_games"] for person in people) == crowd.winners.total()
    assert sum(person["total_rounds"] for person in people) == played
    assert sum(person["losses"] for person in people) == crowd.winners["bot"]
    assert sum(person["wins"] for person in people) == crowd.winners["user"]


def test_of_twenty_simultaneous_plays_of_one_round_one_is_played(stage: Stage) -> None:
    for _ in range(5):
        game = stage.server.post("/start_game", {"player_name": "Nora00"})["game_id"]
        answers = play_at_once(
            stage.server.url,
            [
                ({"game_id": game, "user_move": "rock", "round": 1}, {"Idempotency-Key": f"request {number}"})
                for number in range(AT_ONCE)
            ],
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
        refused = [answer.json() for answer in answers if answer.status_code == 409]
        assert {problem["current_round"] for problem in refused} == {2}
        assert len(check_store(stage.engine, ())[game]) == 1


def test_the_same_play_sent_twenty_times_at_once_is_played_once_and_gets_equal_answers(stage: Stage) -> None:
    game = stage.server.post("/start_game", {"player_name": "Nora00"})["game_id"]
    body = {"game_id": game, "user_move": "paper", "round": 1}
    answers = play_at_once(stage.server.url, [(body, {"Idempotency-Key": "one"})] * AT_ONCE)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(check_store(stage.engine, ())[game]) == 1


def test_simultaneous_plays_without_a_round_number_are_played_in_sequence_or_refused(stage: Stage) -> None:
    game = stage.server.post("/start_game", {"player_name": "Nora00"})["game_id"]
    answers = play_at_once(stage.server.url, [({"game_id": game, "user_move": "rock"}, {})] * AT_ONCE)
    played = [answer.json()["round"] for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sorted(played) == list(range(1, len(played) + 1))
    assert len(check_store(stage.engine, ())[game]) == len(played) >= 1


def test_workers_that_start_together_on_an_empty_database_do_not_disturb_each_other(stage: Stage) -> None:
    assert "failed" not in stage.log
    assert "Traceback" not in stage.log
