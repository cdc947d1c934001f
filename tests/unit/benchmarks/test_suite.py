"""Parts of the benchmarks in tiny runs."""

import importlib
import time

import numpy as np
import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.features import measure_table, random_games
from benchmarks.limits import counted, shares
from benchmarks.page import NAMES
from benchmarks.players import OPENING, PLAY, START, player
from benchmarks.serving import BASELINE, OURS, PREDICT, Case, Setting, goals, rounds_per_second, tables
from benchmarks.wire import Conversation, Measured, Reply, Request


def requests_of(conversation: Conversation, replies: list[bytes]) -> list[Request]:
    """Run a conversation with prepared replies; return its requests."""
    requests = [next(conversation)]
    for body in replies:
        try:
            requests.append(conversation.send(Reply(200, body)))
        except StopIteration:
            break
    return requests


def test_a_player_plays_a_game_to_its_end_and_starts_another() -> None:
    replies = [b'{"game_id":"g"}', *[b'{"finished":false}'] * 4, b'{"finished":true}']

    requests = requests_of(player(1, time.perf_counter() + 60), replies)

    assert [request.name for request in requests] == [START, *[OPENING] * 3, PLAY, PLAY, START]
    assert requests[4].body.startswith(b'{"game_id":"g","user_move":"')


def test_a_player_stops_when_the_time_is_over() -> None:
    requests = requests_of(player(1, time.perf_counter() - 1), [b'{"game_id":"g"}', b'{"finished":false}', b"{}"])

    assert [request.name for request in requests] == [START, OPENING]


def measured(play_ms: float, rounds: int, seconds: float = 1.0) -> Measured:
    return Measured({PLAY: [play_ms] * rounds, OPENING: [0.1] * rounds}, [], seconds)


@pytest.fixture
def found() -> dict[Case, list[Measured]]:
    return {
        Case(Setting(OURS, 1, 1_000), PLAY, 1): [measured(0.5, 100)],
        Case(Setting(BASELINE, 1, 1_000), PLAY, 1): [measured(10.0, 10)],
        Case(Setting(OURS, 1, 1_000), PLAY, 8): [measured(2.0, 1_000), measured(2.0, 1_000)],
        Case(Setting(BASELINE, 1, 1_000), PLAY, 8): [measured(50.0, 20)],
        Case(Setting(OURS, 1, 200_000), PLAY, 8): [measured(2.0, 900)],
        Case(Setting(BASELINE, 1, 200_000), PLAY, 8): [measured(500.0, 2)],
        Case(Setting(OURS, 1, 1_000), PREDICT, 1): [Measured({PREDICT: [0.2] * 50}, [], 0.5)],
    }


def test_rates_count_the_opening_and_all_turns(found: dict[Case, list[Measured]]) -> None:
    assert rounds_per_second([measured(1.0, 10, 2.0), measured(1.0, 30, 2.0)]) == 20.0


def test_goals_of_serving_compare_servers_with_equal_stores_and_clients(found: dict[Case, list[Measured]]) -> None:
    by_name = {goal.name: goal for goal in goals(found)}

    assert by_name["`/play`, 1 client, 1,000 stored games, median"].ratio == 20.0
    assert by_name["rounds a second, 8 clients, 1,000 stored games"].found == 2_000
    assert by_name["rounds a second, 8 clients, 1,000 stored games"].ratio == 50.0
    assert by_name["rounds a second, 8 clients, 200,000 stored games"].ratio == 450.0
    assert by_name["rounds a second kept from 1,000 to 200,000 games"].found == 90.0


def test_the_tables_of_serving_contain_every_case(found: dict[Case, list[Measured]]) -> None:
    plays, others = tables(found)

    assert len(plays.rows) == 6
    assert [row[:5] for row in others.rows] == [[PREDICT, OURS, 1, 1_000, 1]]
    assert others.rows[0][5] == 100.0


def test_features_of_random_games_are_computed_and_timed() -> None:
    games = random_games(600, longest=240)
    figures = measure_table(600, longest=240, repetitions=1)

    assert np.diff(np.append(games.starts, len(games.user))).tolist() == [12] * 30 + [240]
    assert figures["rounds"] == len(games.user) == 600
    assert figures["result_megabytes"] == 600 * 75 * 8 / 1e6


def test_every_benchmark_can_be_imported_and_has_a_place_on_the_page() -> None:
    for benchmark in BENCHMARKS:
        assert callable(importlib.import_module(f"benchmarks.{benchmark.name}").main)
        assert benchmark.name in NAMES


def test_a_sample_counts_for_its_innermost_known_frame() -> None:
    raw = (
        "run (granian/server.py:1);play (rps_api/games/service.py:9);load (rps_core/store/games.py:2) 6\n"
        "run (granian/server.py:1);play (rps_api/games/service.py:9);dumps (json.py:1) 3\n"
        "main (x.py:1) 1\n"
        "run (threading.py:1);_worker (concurrent/futures/thread.py:81) 90\n"
        "run (threading.py:1);Tallies._run (rps_core/store/tallies.py:9);Condition.wait (threading.py:331) 90\n"
        "run (threading.py:1);GroupCommit._run (rps_core/store/group_commit.py:9);"
        "GroupCommit._take (rps_core/store/group_commit.py:97) 90\n"
        " 50\n"
    )

    assert shares(raw) == [
        ("the store: statements and commits", 60.0),
        ("the use case, locks, waiting", 30.0),
        ("other", 10.0),
    ]
    with pytest.raises(ValueError, match="no sample"):
        shares("")


def test_only_replies_to_plays_are_measured() -> None:
    sizes: list[int] = []
    replies = [b'{"game_id":"g"}', b'{"finished":false}', b'{"finished":true }']

    requests_of(counted(player(1, time.perf_counter() + 60), sizes), replies)

    assert sizes == [18, 18]
