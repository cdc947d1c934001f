"""Work that may wait: without a thread, or on threads that nothing else uses."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from litestar import Request
from litestar.exceptions import ClientException, TooManyRequestsException

P = ParamSpec("P")
T = TypeVar("T")
RETRY_SECONDS = 5


async def while_connected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, which is cancelled if the client leaves.

    Raises:
        ClientException: the client has left; nobody reads the answer.
    """
    left, working = asyncio.create_task(_disconnected(request)), asyncio.create_task(work)
    try:
        await asyncio.wait({left, working}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        left.result()
        raise ClientException("the client left before the answer")
    finally:
        for task in (left, working):
            task.cancel()
        await asyncio.gather(left, working, return_exceptions=True)


async def _disconnected(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Threads:
    """A few threads for one kind of work, which then never waits for another kind.

    Args:
        name: names the threads.
        threads: how many calls work at once.
        waiting: how many more may wait; None for any number.
    """

    def __init__(self, name: str, threads: int, waiting: int | None = None) -> None:
        self._executor = ThreadPoolExecutor(threads, name)
        self._limit = None if waiting is None else threads + waiting
        self._calls = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of a call in one of the threads.

        Raises:
            TooManyRequestsException: too many calls wait already.
        """
        if self._limit is not None and self._calls >= self._limit:
            raise TooManyRequestsException(
                f"{self._calls} requests of this kind wait already; try again in {RETRY_SECONDS} s",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        call = asyncio.get_running_loop().run_in_executor(self._executor, partial(function, *args, **kwargs))
        self._calls += 1
        call.add_done_callback(self._done)
        return await call

    def _done(self, _: "asyncio.Future[Any]") -> None:
        self._calls -= 1

    def stop(self) -> None:
        """Accept no more calls; those under way end by themselves."""
        self._executor.shutdown(wait=False, cancel_futures=True)
