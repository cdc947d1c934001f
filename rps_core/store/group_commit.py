"""One commit for the rounds of many requests.

A durable commit costs one flush of the disk, whatever it holds. While one is under way, what arrives waits together
and goes into the next; nothing waits for company, so that a lone client is not slowed down.

What is written is also worked out here: models predict without Python's lock, beside the thread that talks to clients.
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

# Bounds what one transaction locks and what one failure has to do again; more than the clients of one worker.
MAX_BATCH = 64
STOP_SECONDS = 15.0

_LOG = logging.getLogger(__name__)

Item: TypeAlias = StoredGame | GameRound
ItemT = TypeVar("ItemT", StoredGame, GameRound)
_Waiting: TypeAlias = tuple[Callable[[], Item], Future[Any]]
_Planned: TypeAlias = tuple[Item, Future[Any]]


class GroupCommit:
    """Writes in one thread what any number of threads hand in.

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
        """Begin to write; again after `close`, if asked to."""
        with self._lock:
            if not self._closed:
                return
            self._closed = False
            self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
            self._thread.start()

    def submit(self, plan: Callable[[], ItemT]) -> Future[ItemT]:
        """Hand in what works out a new game or a round; the future holds it once it is durable.

        Two rounds of one game must not wait at the same time: the second would conflict with the first.
        The future raises what `plan` raises, and what `GameStore.write` raises for this item alone. Cancelled before
        its turn, nothing is worked out or written.

        Raises:
            StoreError: the writer is closed.
        """
        future: Future[ItemT] = Future()
        # Under the lock nothing can be handed in behind the mark that ends the thread, and never be answered.
        with self._lock:
            if self._closed:
                raise StoreError("the game is shutting down; try again in a moment")
            self._waiting.put((plan, future))
        return future

    def close(self) -> None:
        """Write what waits, and stop."""
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
        """Wait for one item, then take what else is there."""
        taken: list[_Waiting] = []
        first = self._waiting.get()
        while first is not None:
            taken.append(first)
            if len(taken) == MAX_BATCH:
                return taken, False
            try:
                first = self._waiting.get_nowait()
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
                batch[0][1].set_exception(error)
                return
            # One item spoils the transaction of all; each for itself, only that one fails.
            for planned in batch:
                self._store([planned])
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, and the thread must live on
            _LOG.warning("%d writes failed: %s", len(batch), error)
            for _, future in batch:
                future.set_exception(error)
        else:
            for item, future in batch:
                future.set_result(item)


def _planned(waiting: Sequence[_Waiting]) -> list[_Planned]:
    """Work out each item; whoever asked for one that cannot be hears why."""
    planned: list[_Planned] = []
    for plan, future in waiting:
        if not future.set_running_or_notify_cancel():
            continue
        try:
            planned.append((plan(), future))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked; the thread must live on
            future.set_exception(error)
    return planned
