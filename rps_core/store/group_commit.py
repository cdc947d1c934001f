"""One commit for the rounds of many requests.

A durable commit costs one flush of the disk, however many rounds it holds. Rounds that arrive during a commit share
the next one. No round waits for others, so a single client is not slowed down.

The thread that writes also plans the rounds: models predict without Python's lock, so the thread that serves clients
keeps running.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias, TypeVar

from sqlalchemy.exc import DataError

from rps_core.errors import GameFinished, GameNotFound, RoundConflict, StoreError
from rps_core.store.games import GameRound, StoredGame

# Limits what a transaction locks and what a failure repeats. A worker has fewer clients.
MAX_BATCH = 64
STOP_SECONDS = 15.0

_LOG = logging.getLogger(__name__)

Item: TypeAlias = StoredGame | GameRound
ItemT = TypeVar("ItemT", StoredGame, GameRound)
_Waiting: TypeAlias = tuple[Callable[[], Item], Future[Any]]
_Planned: TypeAlias = tuple[Item, Future[Any]]


class GroupCommit:
    """Writes, in one thread, the games and rounds that other threads submit.

    Args:
        write: stores a batch, all or nothing; `GameStore.write`.
    """

    def __init__(self, write: Callable[[Sequence[Item]], None]) -> None:
        self._write = write
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = True

    def start(self) -> None:
        """Start the thread, also again after `close`."""
        with self._lock:
            if not self._closed:
                return
            self._closed = False
            self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
            self._thread.start()

    def submit(self, plan: Callable[[], ItemT]) -> Future[ItemT]:
        """Queue a new game or a round; the future returns it once it is durable.

        The future raises the errors of `plan`, and those of `GameStore.write` for this item alone. If the future is
        cancelled before its turn, the item is neither planned nor written. Do not queue two rounds of one game at
        the same time: the second would conflict with the first.

        Args:
            plan: returns the game or the round; called by the thread that writes.

        Raises:
            StoreError: the writer is closed.
        """
        future: Future[ItemT] = Future()
        # The lock keeps items from being queued after the mark that ends the thread: nobody would answer them.
        with self._lock:
            if self._closed:
                raise StoreError("the game is shutting down; try again in a moment")
            self._waiting.put((plan, future))
        return future

    def close(self) -> None:
        """Write all queued items, then stop the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._take()
            self._store(_planned(batch))

    def _take(self) -> tuple[list[_Waiting], bool]:
        """Wait for an item, then take all that are queued, up to `MAX_BATCH`; also return whether to close."""
        taken: list[_Waiting] = []
        waiting = self._waiting.get()
        while waiting is not None:
            taken.append(waiting)
            if len(taken) == MAX_BATCH:
                return taken, False
            try:
                waiting = self._waiting.get_nowait()
            except queue.Empty:
                return taken, False
        return taken, True

    def _store(self, batch: Sequence[_Planned]) -> None:
        if not batch:
            return
        try:
            self._write([item for item, _ in batch])
        except (RoundConflict, GameFinished, GameNotFound, DataError) as error:
            if len(batch) == 1:
                [(_, future)] = batch
                future.set_exception(error)
                return
            # One faulty item fails the transaction of all. Written one by one, only that item fails.
            for planned in batch:
                self._store([planned])
        except BaseException as error:  # noqa: BLE001 - the clients must get the error, and the thread must survive
            _LOG.warning("%d writes failed: %s", len(batch), error)
            for _, future in batch:
                future.set_exception(error)
        else:
            for item, future in batch:
                future.set_result(item)


def _planned(waiting: Sequence[_Waiting]) -> list[_Planned]:
    """Plan each item; an error goes to the future of that item."""
    planned: list[_Planned] = []
    for plan, future in waiting:
        if not future.set_running_or_notify_cancel():
            continue
        try:
            planned.append((plan(), future))
        except BaseException as error:  # noqa: BLE001 - the error belongs to the client; the thread must survive
            future.set_exception(error)
    return planned
