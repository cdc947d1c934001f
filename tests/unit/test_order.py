"""A shuffled run keeps the tests of a story in order, and only those."""

from typing import Any, NamedTuple

from tests.builders.order import MARK, restore_order


class Found(NamedTuple):
    """What is needed of a collected test."""

    nodeid: str
    location: tuple[str, int, str]
    marks: frozenset[str]

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None


def found(module: str, line: int, *marks: str) -> Any:
    return Found(f"tests/{module}.py::test_{line}", (module, line, ""), frozenset(marks))


def test_marked_tests_keep_their_order_at_their_places() -> None:
    begin, act, end = (found("story", line, MARK, "e2e") for line in (10, 20, 30))
    one, two = found("plain", 1), found("plain", 2, "e2e")
    other_begin, other_end = found("other", 5, MARK), found("other", 90, MARK)
    items = [end, begin, two, act, other_end, one, other_begin]
    restore_order(items)
    assert items == [begin, act, two, end, other_begin, one, other_end]
