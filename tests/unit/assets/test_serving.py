"""Comparison of what is served with what should be served."""

from typing import Any, cast

from rps_assets.serving.drift import observe_drift
from rps_assets.serving.model_registry import ModelRegistry, RegisteredVersion
from rps_assets.serving.publication import servable_entries, wait_until_served
from rps_core.cache import CacheEntry
from rps_core.game.families import SLOTS, ModelIdentity, Slot
from rps_core.served_set import models_by_slot, slot_differences
from tests.builders.bundles import Registry


def api_differences(entries: list[CacheEntry], found: dict[Slot, ModelIdentity]) -> list[str]:
    return slot_differences(models_by_slot(entries), found, "the API")


class LateApi:
    """Serves nothing until it was asked `ready_after` times, and `models` from then on."""

    def __init__(self, models: dict[Slot, ModelIdentity], ready_after: int) -> None:
        self.models, self.ready_after, self.asked = models, ready_after, 0

    def served_models(self) -> dict[Slot, ModelIdentity]:
        self.asked += 1
        return self.models if self.asked > self.ready_after else {}


def test_equal_sets_do_not_differ() -> None:
    entries = Registry().all_slots()
    assert api_differences(entries, models_by_slot(entries)) == []


def test_each_differing_slot_is_named_with_both_versions() -> None:
    entries = Registry().all_slots()
    found = models_by_slot(entries)
    found[SLOTS[0]] = ModelIdentity("99", "f" * 32)
    del found[SLOTS[1]]
    differences = api_differences(entries, found)
    assert len(differences) == 2
    assert differences[0].startswith("xgboost@Production: the registry has version 1 ")
    assert "the API has version 99 (run ffffffff)" in differences[0]
    assert differences[1].endswith("the API has nothing")


def test_a_served_slot_that_the_registry_does_not_fill_differs() -> None:
    entries = Registry().all_slots()
    assert api_differences(entries[1:], models_by_slot(entries)) == [
        "xgboost@Production: the registry has nothing, the API has version 1 (run 00000000)"
    ]


def test_a_late_api_is_waited_for_and_a_deaf_one_is_given_up() -> None:
    entries, pauses = Registry().all_slots(), list[float]()
    late: Any = LateApi(models_by_slot(entries), ready_after=3)
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


def test_a_registry_that_does_not_answer_yet_is_a_reason_to_wait_and_no_drift() -> None:
    registry, unused = ModelRegistry("http://127.0.0.1:9"), cast("Any", None)
    drift, problem = observe_drift(registry, unused, unused)
    assert drift == ()
    assert problem is not None
    assert problem.startswith("MLflow at http://127.0.0.1:9 did not answer")
