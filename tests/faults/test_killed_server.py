"""The real server, killed with SIGKILL during play: every acknowledged round is kept."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from benchmarks.arena import omniscient
from benchmarks.bank_account import accounts_of
from benchmarks.guests import Guest
from rps_api.inference.served_models import ServedModels
from rps_core.cache import ModelCache
from rps_core.game.rules import FIRST_STAKE
from rps_core.store import GameStore
from tests.faults.checks import check_predictions, check_store
from tests.faults.clients import Acknowledged, Crowd
from tests.faults.conftest import OpenStage, Stage
from tests.faults.recovery import Recovered
from tests.integration.conftest import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
KILLS = 8
CLIENTS = 8


def test_eight_kills_under_load_lose_no_acknowledged_round_and_play_none_twice(
    open_stage: OpenStage, recovered: Recovered
) -> None:
    stage = open_stage()
    acknowledged: list[Acknowledged] = []
    for _ in range(KILLS):
        crowd = Crowd(stage.server.url, CLIENTS)
        with crowd.playing():
            wait_until(lambda: len(crowd.acknowledged) >= 40, "40 rounds")  # noqa: B023 - called within the iteration
            stage.server.kill()
        assert not crowd.refusals, crowd.reasons
        acknowledged += crowd.acknowledged
        killed_at = time.monotonic()
        stage.server.start()
        recovered("API killed: first round after it", lambda: can_play(stage.server.url), since=killed_at)
        check_store(stage.engine, acknowledged)
        acknowledged += [repeat_lost(stage, body) for body in crowd.lost]
    rounds = check_store(stage.engine, acknowledged, api_url=stage.server.url)
    check_predictions(stage.engine, rounds)
    assert "Traceback" not in stage.log


def can_play(url: str) -> bool:
    """Return whether a game can be started and a round played."""
    with httpx.Client(base_url=url, timeout=30) as client:
        started = client.post("/start_game", json={"player_name": "Nora"})
        return started.status_code == 200 and (
            client.post("/play", json={"game_id": started.json()["game_id"], "user_move": "rock"}).status_code == 200
        )


def repeat_lost(stage: Stage, body: dict[str, Any]) -> Acknowledged:
    """Repeat a play whose answer was lost; the round must be played exactly once."""
    store = GameStore(stage.engine)
    before = len(store.load_game(body["game_id"]).rounds)
    assert before in {body["round"] - 1, body["round"]}
    reply = stage.server.post("/play", body)
    assert (reply["round"], reply["user_move"]) == (body["round"], body["user_move"])
    assert len(store.load_game(body["game_id"]).rounds) == body["round"]
    return Acknowledged.of(reply)


def test_answers_from_before_a_kill_are_repeated_with_the_same_bytes(open_stage: OpenStage) -> None:
    stage = open_stage()
    game = stage.server.post("/start_game", {"policy": "forrest"})["game_id"]
    bodies = [{"game_id": game, "user_move": move, "round": number} for number, move in enumerate(("rock",) * 4, 1)]
    with httpx.Client(base_url=stage.server.url, timeout=30) as client:
        before = [client.post("/play", json=body).content for body in bodies]
    stage.server.kill()
    stage.server.start()
    with httpx.Client(base_url=stage.server.url, timeout=30) as client:
        assert [client.post("/play", json=body).content for body in bodies] == before


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_a_kill_of_both_workers_on_postgresql_loses_no_acknowledged_round(stage: Stage, recovered: Recovered) -> None:
    crowd = Crowd(stage.server.url, CLIENTS)
    with crowd.playing():
        wait_until(lambda: len(crowd.acknowledged) >= 150, "150 rounds")
        stage.server.kill()
    assert not crowd.refusals, crowd.reasons
    killed_at = time.monotonic()
    stage.server.start()
    recovered("API on PostgreSQL killed: first round after it", lambda: can_play(stage.server.url), since=killed_at)
    check_store(stage.engine, crowd.acknowledged)
    repeated = [repeat_lost(stage, body) for body in crowd.lost]
    check_predictions(stage.engine, check_store(stage.engine, repeated, api_url=stage.server.url))


@pytest.mark.parametrize("stage", ["postgresql"], indirect=True)
def test_a_bank_loses_nothing_and_counts_nothing_twice_when_both_workers_are_killed(stage: Stage) -> None:
    """One session plays eight games at a time, and knows everything but the draws."""
    models = ServedModels(
        ModelCache.open(f"file://{stage.server.data_path / 'model_cache'}"), lambda: datetime.now(UTC)
    )
    models.refresh()
    guest = Guest([stage.server.url], GameStore(stage.engine), models.snapshot, Random(1))
    with ThreadPoolExecutor(CLIENTS) as threads:
        playing = [threads.submit(guest.play_game, "knows everything", omniscient) for _ in range(3 * CLIENTS)]
        wait_until(lambda: sum(game.done() for game in playing) >= CLIENTS, "eight games")
        stage.server.kill()
        stage.server.start()
        assert len({game.result() for game in playing}) == 3 * CLIENTS
    account = accounts_of(stage.engine)["knows everything"]
    assert account.finished == 3 * CLIENTS
    assert account.missing == pytest.approx(0, abs=1e-9)
    assert 0.01 < -account.gained <= FIRST_STAKE
