"""Garbage collections that do not stop the requests."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

# Containers since the last collection of the youngest, and collections of one generation for one of the next. With
# Python's 700, 10 and 10, a collection of everything took 100 ms once a second when 32 clients played.
THRESHOLDS = (10_000, 20, 20)


@asynccontextmanager
async def sparse_garbage_collection(_: Litestar) -> AsyncIterator[None]:
    """Leave out of collections what exists when the application starts, and collect the rest more rarely.

    Modules, routes and metrics are never garbage, and going through them takes nearly all the time of a collection.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
