"""Counts the cases of each test."""

from collections.abc import Callable, Iterator

import pytest

from tests.fuzz.cases import COUNTED, ran


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[None]:
    name = request.node.originalname
    before = ran[name]
    yield
    if ran[name] > before:
        record_property(COUNTED, ran[name] - before)
