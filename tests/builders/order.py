"""Tests that tell one story keep their order when the tests are shuffled."""

from collections import defaultdict

import pytest

MARK = "in_order"


def restore_order(items: list[pytest.Item]) -> None:
    """Put the marked tests of each module back in the order of their lines, at the places that they have together."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        if item.get_closest_marker(MARK):
            places[item.nodeid.partition("::")[0]].append(place)
    for taken in places.values():
        ordered = sorted((items[place] for place in taken), key=lambda item: item.location[1] or 0)
        for place, item in zip(taken, ordered, strict=True):
            items[place] = item
