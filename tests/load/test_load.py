"""Thirty-two clients at once: nothing is lost, nothing is played twice, and the numbers agree everywhere."""

import threading
import time
from collections import Counter, defaultdict
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from rps_core.gambits import FIRST_POLICY_ROUND
from rps_core.scoring import TARGET_POINTS
from rps_core.store.schema import events, games, predictions
from tests.load.clients import Crowd, play_at_once
from tests.load.conftest import Stage

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
CROWD = 32
AT_ONCE = 20
# How long figures that are remembered for some seconds may take to become the present ones.
SETTLE_SECONDS = 30.0


def stored_rounds(stage: Stage) -> dict[str, list[Any]]:
    """Rounds of each game, in the order of their numbers."""
    found: dict[str, list[Any]] = defaultdict(list)
    with stage.engine.connect() as connection:
        for row in connection.execute(select(events).order_by(events.c.game_id, events.c.step_no)):
            found[row.game_id].append(row)
    return found


def stored_games(stage: Stage) -> list[Any]:
    with stage.engine.connect() as connection:
        return list(connection.execute(select(games)))


def scraped(stage: Stage) -> Counter[str]:
    """Each counter and gauge of /metrics, summed over its labels."""
    sums: Counter[str] = Counter()
    for family in text_string_to_metric_families(httpx.get(f"{stage.server.url}/metrics", timeout=30).text):
        for sample in family.samples:
            sums[sample.name] += sample.value  # type: ignore[assignment]
    return sums


def check_every_game(stage: Stage) -> dict[str, list[Any]]:
    """Steps without gaps or doubles, scores that are the sums of their deltas, and winners that have won."""
    rounds = stored_rounds(stage)
    for game in stored_games(stage):
        played = rounds[game.id]
        assert [row.step_no for row in played] == list(range(1, len(played) + 1))
        for side in ("user", "bot"):
            total = sum(getattr(row, f"{side}_delta") for row in played)
            assert getattr(game, f"{side}_score") == pytest.approx(total, abs=1e-5)
            assert getattr(game, f"{side}_score") == (getattr(played[-1], f"{side}_score") if played else 0)
        reached = max(game.user_score, game.bot_score) >= TARGET_POINTS
        assert (game.winner is not None) == reached == (game.finished_ts is not None)
    return rounds


def check_predictions(stage: Stage, rounds: dict[str, list[Any]]) -> int:
    """Four predictions for each round after the opening, none for another; returns their number."""
    with stage.engine.connect() as connection:
        stored = Counter(
            (row.game_id, row.step_no)
            for row in connection.execute(select(predictions.c.game_id, predictions.c.step_no))
        )
    expected = {
        (game, row.step_no): 4 for game, played in rounds.items() for row in played if row.step_no >= FIRST_POLICY_ROUND
    }
    assert stored == expected
    return stored.total()


def test_thirty_two_clients_play_without_a_lost_or_a_double_round(stage: Stage) -> None:
    crowd = Crowd(stage.server.url, CROWD)
    crowd.play(stage.games)
    assert (crowd.refusals, crowd.unanswered) == (Counter(), 0), crowd.reasons
    rounds = check_every_game(stage)
    predicted = check_predictions(stage, rounds)
    assert crowd.winners.total() == stage.games == len(stored_games(stage))
    assert {
        (row.game_id, row.step_no, row.user_move, row.bot_move) for played in rounds.values() for row in played
    } == {(one.game_id, one.round_no, one.user_move, one.bot_move) for one in crowd.acknowledged}
    check_statistics(stage, crowd, predicted)
    assert "database is locked" not in stage.log
    assert "Traceback" not in stage.log


def check_statistics(stage: Stage, crowd: Crowd, predicted: int) -> None:
    """What /metrics counts, what the players' pages sum up to and what was acknowledged are the same."""
    played = len(crowd.acknowledged)
    after_opening = sum(one.round_no >= FIRST_POLICY_ROUND for one in crowd.acknowledged)
    expected = {
        "rps_games_total": crowd.winners.total(),
        "rps_game_wins_total": crowd.winners["bot"],
        "rps_game_losses_total": crowd.winners["user"],
        "rps_game_ties_total": crowd.winners["tie"],
        "rps_model_games_by_alias_total": crowd.winners.total(),
        "rps_action_predictions_total": after_opening,
        "rps_model_predictions_by_alias_total": predicted,
    }
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        sums = scraped(stage)
        found = {name: sums[name] for name in expected}
        if found == expected or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert found == expected
    assert sum(sums[f"rps_action_{result}_total"] for result in ("wins", "losses", "ties")) == played
    pages = [httpx.get(f"{stage.server.url}/stats/player/{name}", timeout=30) for name in crowd.names]
    people = [page.json() for page in pages if page.status_code == 200]
    assert sum(one["total_games"] for one in people) == sums["rps_games_total"]
    assert sum(one["total_rounds"] for one in people) == played
    assert sum(one["losses"] for one in people) == sums["rps_game_wins_total"]
    assert sum(one["wins"] for one in people) == sums["rps_game_losses_total"]


def test_of_twenty_plays_of_one_round_at_the_same_moment_one_is_played(stage: Stage) -> None:
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
        assert len(check_every_game(stage)[game]) == 1


def test_the_same_play_sent_twenty_times_at_once_is_played_once_and_answered_alike(stage: Stage) -> None:
    game = stage.server.post("/start_game", {"player_name": "Nora00"})["game_id"]
    body = {"game_id": game, "user_move": "paper", "round": 1}
    answers = play_at_once(stage.server.url, [(body, {"Idempotency-Key": "one"})] * AT_ONCE)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(check_every_game(stage)[game]) == 1


def test_plays_at_once_that_name_no_round_are_played_one_after_the_other_or_refused(stage: Stage) -> None:
    game = stage.server.post("/start_game", {"player_name": "Nora00"})["game_id"]
    answers = play_at_once(stage.server.url, [({"game_id": game, "user_move": "rock"}, {})] * AT_ONCE)
    played = [answer.json()["round"] for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sorted(played) == list(range(1, len(played) + 1))
    assert len(check_every_game(stage)[game]) == len(played) >= 1


def test_workers_that_start_at_once_on_an_empty_database_do_not_disturb_each_other(stage: Stage) -> None:
    assert "failed" not in stage.log
    assert "Traceback" not in stage.log


def test_every_acknowledged_round_survives_a_killed_server(stage: Stage) -> None:
    crowd = Crowd(stage.server.url, CROWD)
    playing = threading.Thread(target=crowd.play, args=(100_000,))
    playing.start()
    deadline = time.monotonic() + 30
    while len(crowd.acknowledged) < 400 and time.monotonic() < deadline:
        time.sleep(0.01)
    stage.server.kill()
    playing.join(60)
    assert len(crowd.acknowledged) >= 400
    assert crowd.refusals == Counter(), crowd.reasons
    stage.server.start()
    rounds = check_every_game(stage)
    check_predictions(stage, rounds)
    stored = {
        (row.game_id, row.step_no, row.user_move, row.bot_move, row.user_score, row.bot_score)
        for played in rounds.values()
        for row in played
    }
    assert {tuple(one) for one in crowd.acknowledged} <= stored
    assert set(crowd.games) <= {game.id for game in stored_games(stage)}
    unfinished = next(game for game in stored_games(stage) if game.winner is None and rounds[game.id])
    reply = stage.server.post("/play", {"game_id": unfinished.id, "user_move": "rock"})
    assert reply["round"] == len(rounds[unfinished.id]) + 1
