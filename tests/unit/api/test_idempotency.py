"""A repeated play is played once and gets the same answer; a contradictory one is refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from rps_core.store.schema import events
from tests.unit.api.conftest import Table


def rounds_stored(table: Table) -> int:
    return int(table.row(select(func.count()).select_from(events))[0])


@pytest.mark.parametrize("round_no", [1, 3, 4, 6])
def test_repeating_a_round_with_the_same_move_returns_the_same_bytes(table: Table, round_no: int) -> None:
    game_id = table.start()["game_id"]
    if round_no > 1:
        table.play_rounds(game_id, round_no - 1)
    first = table.try_play(game_id, "paper", round=round_no)
    table.play(game_id)
    again = table.try_play(game_id, "paper", round=round_no)
    assert (again.status_code, again.content) == (200, first.content)
    assert rounds_stored(table) == round_no + 1


def test_repeating_the_last_round_of_a_finished_game_returns_its_answer(table: Table) -> None:
    game_id = table.start()["game_id"]
    last = table.play_to_the_end(game_id)[-1]
    assert table.play(game_id, last["user_move"], round=last["round"]) == last


def test_one_key_plays_one_round_even_without_a_round_number(table: Table) -> None:
    game_id = table.start()["game_id"]
    first = table.try_play(game_id, "paper", key="abc")
    assert table.try_play(game_id, "paper", key="abc").content == first.content
    assert rounds_stored(table) == 1
    assert table.try_play(game_id, "paper", key="def").json()["round"] == 2


@pytest.mark.parametrize("key", [" ", " \t"])
def test_a_key_of_blanks_counts_as_missing(table: Table, key: str) -> None:
    game_id = table.start()["game_id"]
    assert [table.try_play(game_id, "paper", key=key).json()["round"] for _ in range(2)] == [1, 2]


def test_the_same_key_plays_once_in_each_game(table: Table) -> None:
    first, second = (table.start()["game_id"] for _ in range(2))
    assert table.try_play(first, key="abc").json()["game_id"] == first
    assert table.try_play(second, key="abc").json()["game_id"] == second


@pytest.mark.parametrize(
    ("move", "key", "round_no"),
    [
        ("rock", "abc", None),  # the key with another move
        ("rock", None, 1),  # the round with another move
        ("paper", "abc", 2),  # the key with another round
        ("paper", "other", 1),  # the round with another key
        ("paper", None, 5),  # a future round
        ("paper", "new", 5),
    ],
)
def test_a_contradictory_request_is_refused_with_the_current_round(
    table: Table, move: str, key: str | None, round_no: int | None
) -> None:
    game_id = table.start()["game_id"]
    table.try_play(game_id, "paper", key="abc")
    table.play(game_id, "scissors")
    answer = table.try_play(game_id, move, key=key, **({} if round_no is None else {"round": round_no}))
    assert answer.status_code == 409
    assert (answer.json()["current_round"], answer.json()["rounds_played"]) == (3, 2)
    assert rounds_stored(table) == 2


@pytest.mark.parametrize("key", ["k" * 129, "a\tb", "\x1d"])
def test_a_key_that_cannot_be_stored_is_refused(table: Table, key: str) -> None:
    answer = table.try_play(table.start()["game_id"], key=key)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]


def test_a_blank_key_is_ignored(table: Table) -> None:
    game_id = table.start()["game_id"]
    assert [table.try_play(game_id, key="  ").json()["round"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("round_no", [0, -1, 1.5, "first"])
def test_an_invalid_round_number_is_refused(table: Table, round_no: object) -> None:
    answer = table.try_play(table.start()["game_id"], round=round_no)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "round")


def test_twenty_simultaneous_plays_store_each_round_once_and_refuse_the_rest(table: Table) -> None:
    game_id = table.start()["game_id"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: table.try_play(game_id), range(20)))
    won = [answer.json()["round"] for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sorted(won) == list(range(1, len(won) + 1))
    game = table.store.load_game(game_id)
    assert [played.round_no for played in game.rounds] == sorted(won)
    assert (game.user_score, game.bot_score) == (game.rounds[-1].user_score, game.rounds[-1].bot_score)


def test_twenty_simultaneous_plays_of_one_round_store_exactly_one(table: Table) -> None:
    game_id = table.start()["game_id"]
    moves = ["rock", "paper"] * 10
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda move: table.try_play(game_id, move, round=1), moves))
    assert rounds_stored(table) == 1
    played = table.store.load_game(game_id).rounds[0].user_move
    for move, answer in zip(moves, answers, strict=True):
        # Requests with the stored move get its answer, the others a conflict.
        assert answer.status_code == (200 if move == played else 409)
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1


def test_twenty_repetitions_of_one_request_play_one_round_and_get_one_answer(table: Table) -> None:
    game_id = table.start()["game_id"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: table.try_play(game_id, "rock", key="tap"), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert rounds_stored(table) == 1
