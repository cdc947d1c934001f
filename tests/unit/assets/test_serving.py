"""What is served against what should be."""

from typing import Any

import pytest

from rps_assets.assets.serving import servable_entries, served_differences, wait_until_served
from rps_assets.serving.api_client import ApiError, ServedModel, parse_served
from rps_assets.serving.model_registry import RegisteredVersion
from rps_core.cache import CacheEntry
from rps_core.game.families import SLOTS, Slot
from tests.builders.bundles import Registry


def served(entries: list[CacheEntry]) -> dict[Slot, ServedModel]:
    return {entry.slot: ServedModel(entry.version, entry.run_id) for entry in entries}


class LateApi:
    """Serves what it is told to from a given question on."""

    def __init__(self, models: dict[Slot, ServedModel], ready_after: int) -> None:
        self.models, self.ready_after, self.asked = models, ready_after, 0

    def served_models(self) -> dict[Slot, ServedModel]:
        self.asked += 1
        return self.models if self.asked > self.ready_after else {}


def test_equal_sets_do_not_differ() -> None:
    entries = Registry().all_slots()
    assert served_differences(entries, served(entries)) == []


def test_each_differing_slot_is_named_with_both_versions() -> None:
    entries = Registry().all_slots()
    found = served(entries)
    found[SLOTS[0]] = ServedModel("99", "f" * 32)
    del found[SLOTS[1]]
    differences = served_differences(entries, found)
    assert len(differences) == 2
    assert differences[0].startswith("xgboost@Production: expected version 1 ")
    assert "found version 99 (run ffffffff…)" in differences[0]
    assert differences[1].endswith("found nothing")


def test_a_served_slot_that_the_registry_does_not_fill_differs() -> None:
    entries = Registry().all_slots()
    assert served_differences(entries[1:], served(entries)) == [
        "xgboost@Production: expected nothing, found version 1 (run 00000000…)"
    ]


def test_a_late_api_is_given_time_and_a_deaf_one_is_given_up() -> None:
    entries, pauses = Registry().all_slots(), list[float]()
    late: Any = LateApi(served(entries), ready_after=3)
    assert wait_until_served(entries, late, pauses.append) == []
    assert len(pauses) == 3
    deaf: Any = LateApi({}, ready_after=0)
    assert len(wait_until_served(entries, deaf, pauses.append)) == 12
    assert deaf.asked == 10


def test_empty_slots_and_foreign_versions_are_reported_and_left_out() -> None:
    tags = {"manifest_sha256": "a" * 64, "model_sha256": "b" * 64}
    versions = {
        SLOTS[0]: RegisteredVersion("xgboost", "3", "c" * 32, tags),
        SLOTS[1]: RegisteredVersion("xgboost", "4", "d" * 32, {}),
    }
    entries, problems = servable_entries(versions)
    assert [entry.marker for entry in entries] == ["rps_bot_xgboost@Production v3"]
    assert len(problems) == 11
    assert "version 4 was not registered by this product" in problems[0]


def test_the_answer_of_the_api_is_read_slot_by_slot() -> None:
    payload = {"xgboost": {"name": "x", "aliases": {"B": {"version": 7, "run_id": "a"}, "Production": None}}}
    assert parse_served(payload) == {Slot("xgboost", "B"): ServedModel("7", "a")}


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {"xgboost": {}},
        {"xgboost": {"aliases": {"B": {"run_id": "a"}}}},
        {"x": {"aliases": {"B": {"version": 1, "run_id": "a"}}}},
    ],
)
def test_an_answer_of_another_shape_is_an_error(payload: object) -> None:
    with pytest.raises(ApiError, match="unknown shape"):
        parse_served(payload)
