"""Rounds of many requests in one commit: each request gets its own answer, and no round is lost."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DataError

from rps_core.errors import GameFinished, GameNotFound, RoundConflict, StoreError
from rps_core.store import GameStore
from rps_core.store.games import GameRound, StoredGame
from rps_core.store.group_commit import MAX_BATCH, GroupCommit, Item
from rps_core.store.schema import events
from tests.builders.games import new_game, next_round, play_next

WAIT_SECONDS = 20


class Gate:
    """Writes to a store while it is open, and records the size of each batch."""

    def __init__(self, store: GameStore) -> None:
        self.store = store
        self.open = threading.Event()
        self.reached = threading.Event()
        self.sizes: list[int] = []

    def write(self, batch: Sequence[Item]) -> None:
        self.reached.set()
        assert self.open.wait(WAIT_SECONDS)
        self.sizes.append(len(batch))
        self.store.write(batch)


@pytest.fixture
def store(engine: Engine) -> GameStore:
    return GameStore(engine)


@pytest.fixture
def gate(store: GameStore) -> Gate:
    return Gate(store)


@pytest.fixture
def commits(gate: Gate) -> Iterator[GroupCommit]:
    group = GroupCommit(gate.write)
    group.start()
    yield group
    gate.open.set()
    group.close()


def first_round(store: GameStore, game_id: str) -> GameRound:
    game = store.load_game(game_id)
    return GameRound(game, next_round(game, "rock", "paper"))


def submit(commits: GroupCommit, item: Item) -> Future[Any]:
    """Submit an item that is already planned."""
    return commits.submit(lambda: item)  # type: ignore[return-value, type-var]


def hold(commits: GroupCommit, gate: Gate) -> None:
    """Keep the writer busy with one game, so that all later items wait together."""
    commits.submit(lambda: new_game("first of all"))
    assert gate.reached.wait(WAIT_SECONDS)


def test_items_that_arrive_during_a_commit_share_the_next_one(
    gate: Gate, commits: GroupCommit, store: GameStore
) -> None:
    hold(commits, gate)
    waiting = [submit(commits, new_game(f"game {number}")) for number in range(10)]
    gate.open.set()
    for future in waiting:
        future.result(WAIT_SECONDS)
    assert gate.sizes == [1, 10]
    assert store.load_game("game 9").rounds == ()


def test_a_batch_has_a_maximum_size(gate: Gate, commits: GroupCommit) -> None:
    hold(commits, gate)
    waiting = [submit(commits, new_game(f"game {number}")) for number in range(MAX_BATCH + 5)]
    gate.open.set()
    for future in waiting:
        future.result(WAIT_SECONDS)
    assert gate.sizes == [1, MAX_BATCH, 5]


def test_only_the_conflicting_round_fails(gate: Gate, commits: GroupCommit, store: GameStore, engine: Engine) -> None:
    for name in ("a", "b", "c"):
        store.write([new_game(name)])
    stale = first_round(store, "b")
    store.write([first_round(store, "b")])
    ghost = first_round(store, "a")
    ghost = ghost._replace(game=ghost.game._replace(id="ghost"))
    hold(commits, gate)
    rounds = (first_round(store, "a"), stale, ghost, first_round(store, "c"))
    good, conflicting, lost, also_good = (submit(commits, item) for item in rounds)
    gate.open.set()
    with pytest.raises(RoundConflict, match="round 1 of game b was already played"):
        conflicting.result(WAIT_SECONDS)
    with pytest.raises(GameNotFound):
        lost.result(WAIT_SECONDS)
    for future in (good, also_good):
        future.result(WAIT_SECONDS)
    with engine.connect() as connection:
        stored = connection.execute(select(events.c.game_id, func.count()).group_by(events.c.game_id)).all()
    assert {row[0]: row[1] for row in stored} == {"a": 1, "b": 1, "c": 1}


def test_only_the_item_with_text_that_cannot_be_stored_fails(
    gate: Gate, commits: GroupCommit, store: GameStore
) -> None:
    hold(commits, gate)
    faulty, fine = submit(commits, new_game("faulty", session_id="a\0b")), submit(commits, new_game("fine"))
    gate.open.set()
    fine.result(WAIT_SECONDS)
    assert store.load_game("fine").id == "fine"
    if store.engine.dialect.name == "postgresql":
        with pytest.raises(DataError, match="NUL"):
            faulty.result(WAIT_SECONDS)


def test_a_round_of_a_finished_game_is_refused(gate: Gate, commits: GroupCommit, store: GameStore) -> None:
    store.write([new_game("over")])
    late = first_round(store, "over")
    game = store.load_game("over")
    while game.finished_at is None:
        play_next(store, game, "rock", "scissors")
        game = store.load_game("over")
    gate.open.set()
    with pytest.raises(GameFinished, match="game over is finished"):
        submit(commits, late).result(WAIT_SECONDS)


def test_a_failing_store_is_called_once_and_every_request_gets_the_error() -> None:
    batches: list[int] = []
    started, going = threading.Event(), threading.Event()

    def broken(batch: Sequence[Item]) -> None:
        started.set()
        going.wait(WAIT_SECONDS)
        batches.append(len(batch))
        raise OSError("the disk is full")

    group = GroupCommit(broken)
    group.start()
    futures = [submit(group, new_game("first"))]
    assert started.wait(WAIT_SECONDS)
    futures += [submit(group, new_game(f"game {number}")) for number in range(5)]
    going.set()
    for future in futures:
        with pytest.raises(OSError, match="the disk is full"):
            future.result(WAIT_SECONDS)
    assert batches == [1, 5]
    group.close()


def test_only_the_item_that_cannot_be_planned_fails(gate: Gate, commits: GroupCommit, store: GameStore) -> None:
    def broken() -> StoredGame:
        raise ZeroDivisionError("no model at all")

    hold(commits, gate)
    failing, fine = commits.submit(broken), submit(commits, new_game("fine"))
    gate.open.set()
    assert fine.result(WAIT_SECONDS).id == store.load_game("fine").id
    with pytest.raises(ZeroDivisionError, match="no model at all"):
        failing.result(WAIT_SECONDS)


def test_queued_items_are_written_before_the_writer_stops(gate: Gate, commits: GroupCommit, store: GameStore) -> None:
    hold(commits, gate)
    last = submit(commits, new_game("last"))
    closing = threading.Thread(target=commits.close)
    closing.start()
    gate.open.set()
    closing.join(WAIT_SECONDS)
    assert last.done()
    assert store.load_game("last").id == "last"
    with pytest.raises(StoreError, match="shutting down"):
        submit(commits, new_game("too late"))


def test_a_cancelled_item_is_not_written(gate: Gate, commits: GroupCommit, store: GameStore) -> None:
    hold(commits, gate)
    unwanted, wanted = submit(commits, new_game("unwanted")), submit(commits, new_game("wanted"))
    assert unwanted.cancel()
    gate.open.set()
    wanted.result(WAIT_SECONDS)
    with pytest.raises(CancelledError):
        unwanted.result(WAIT_SECONDS)
    with pytest.raises(GameNotFound):
        store.load_game("unwanted")


def test_a_closed_writer_can_be_restarted(gate: Gate, commits: GroupCommit, store: GameStore) -> None:
    gate.open.set()
    commits.close()
    commits.start()
    submit(commits, new_game("again")).result(WAIT_SECONDS)
    assert store.load_game("again").id == "again"


@pytest.mark.parametrize("rounds", [1, 4, 30])
def test_a_game_advanced_in_memory_equals_the_game_read_back(store: GameStore, rounds: int) -> None:
    game = new_game("same")
    store.write([game])
    assert game == store.load_game("same")
    for number in range(rounds):
        if game.finished_at is not None:
            break
        played = next_round(game, ("rock", "paper", "scissors")[number % 3], "rock", idempotency_key=f"key {number}")
        store.write([GameRound(game, played)])
        game = game.after(played)
        assert game == store.load_game("same")
