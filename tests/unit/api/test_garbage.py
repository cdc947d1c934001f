"""Garbage collections of a serving process: rare, and only over what came after its start."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest
from litestar import Litestar

from rps_api.garbage import THRESHOLDS, sparse_garbage_collection


class Knot:
    """An object that refers to itself, so only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> Iterator[None]:
    """The tests freeze what they import."""
    gc.unfreeze()
    yield
    gc.freeze()


def test_what_exists_at_the_start_is_left_out_and_what_comes_later_is_collected() -> None:
    before = gc.get_threshold()

    async def serve() -> None:
        async with sparse_garbage_collection(Litestar()):
            assert gc.get_threshold() == THRESHOLDS
            # Everything that the interpreter has loaded, tens of thousands of objects.
            assert gc.get_freeze_count() > 10_000
            later = weakref.ref(Knot())
            gc.collect()
            assert later() is None

    asyncio.run(serve())
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
