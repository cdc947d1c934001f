"""Promotions and rollbacks by hand: aliases and ledger move together or not at all; cache and API follow."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from rps_assets.assets import keys
from rps_assets.serving import publication
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.api_client import ApiClient
from rps_core.cache import ModelCache
from rps_core.game.families import Alias, Family
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store.ledger import PromotionLedger
from tests.integration.assets.world import World, failure_of, fill_store, kill

FORREST: Family = "xgboost"
SERVING = ["serving/model_cache", "serving/served_models"]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "VERIFY_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(publication, "VERIFY_ATTEMPTS", 2)


def by_hand(world: World, job: str, op: str, **config: Any) -> dg.ExecuteInProcessResult:
    """Run one of the jobs and return its result, failed or not."""
    return world.defs.resolve_job_def(job).execute_in_process(
        instance=world.instance, raise_on_error=False, run_config={"ops": {op: {"config": config}}}
    )


def promote(world: World, *slots: str, reason: str = "wins more", dry_run: bool = False) -> dg.ExecuteInProcessResult:
    return by_hand(world, "promote_by_hand", "promote_slots", slots=list(slots), reason=reason, dry_run=dry_run)


def roll_back(world: World, family: str = FORREST, *, dry_run: bool = False) -> dg.ExecuteInProcessResult:
    return by_hand(world, "roll_back_by_hand", "roll_back_family", family=family, reason="too weak", dry_run=dry_run)


def history(world: World) -> list[LedgerEntry]:
    """Return the newest entries first, without the entry of the first loop."""
    return PromotionLedger(world.engine).history(family=FORREST)[:-1]


def swap_of(held: dict[Alias, str]) -> dict[Alias, str]:
    return held | {"Production": held["B"], "B": held["Production"]}


def served(world: World) -> dict[str, str]:
    """Return what cache and API agree to serve for the family."""
    index = world.cache.read_index()
    assert index is not None
    cached = {entry.alias: entry.version for entry in index.entries if entry.family == FORREST}
    answered = {alias: world.api.served[f"{FORREST}@{alias}"]["version"] for alias in cached}
    assert cached == answered
    return answered


def test_a_promotion_moves_aliases_cache_api_and_ledger(trained: World) -> None:
    before, reloads = trained.registry.aliases(FORREST), trained.api.reloads
    result = promote(trained, "xgboost@B")
    assert result.success
    assert trained.registry.aliases(FORREST) == served(trained) == swap_of(before)
    (entry,) = history(trained)
    assert (entry.decision, entry.source, entry.reason) == ("swap_production_b", "manual", "by hand: wins more")
    event = trained.instance.get_latest_materialization_event(keys.PROMOTIONS[FORREST])
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["source"].value == "manual"
    for key in (keys.MODEL_CACHE, keys.SERVED_MODELS):
        published = trained.instance.get_latest_materialization_event(key)
        assert published is not None
        assert published.run_id == result.run_id
    assert trained.api.reloads == reloads + 1


def test_a_dry_run_moves_nothing_and_writes_nothing(trained: World) -> None:
    before, reloads = trained.registry.aliases(FORREST), trained.api.reloads
    assert promote(trained, "xgboost@B", dry_run=True).success
    assert roll_back(trained, dry_run=True).success is False
    assert by_hand(
        trained, "promote_configuration", "promote_trained_configuration",
        configuration="xgb_c05", alias="B", reason="best of all", dry_run=True,
    ).success  # fmt: skip
    assert trained.registry.aliases(FORREST) == served(trained) == before
    assert history(trained) == []
    assert trained.registry.pending_promotion(FORREST) is None
    assert trained.api.reloads == reloads


def test_a_mistake_in_the_last_slot_moves_nothing(trained: World) -> None:
    before = trained.registry.aliased_versions()
    said = failure_of(promote(trained, "feedforward_nn@B", "xgboost@Production=9999"))
    assert "rps_bot_xgboost has no version 9999" in said
    assert trained.registry.aliased_versions() == before
    assert history(trained) == []


@pytest.mark.parametrize(
    ("slots", "reason", "said"),
    [
        (["xgboost@Production"], "wins more", "is Production already"),
        (["forrest@B"], "wins more", "unknown model family 'forrest'"),
        (["xgboost@B"], " ", "is too short"),
    ],
)
def test_an_impossible_promotion_fails_with_one_sentence(
    trained: World, slots: list[str], reason: str, said: str
) -> None:
    assert said in failure_of(promote(trained, *slots, reason=reason))
    assert history(trained) == []


def test_a_rollback_undoes_a_promotion_and_a_second_one_undoes_the_rollback(trained: World) -> None:
    before = trained.registry.aliases(FORREST)
    assert promote(trained, "xgboost@shadow2").success
    promoted = trained.registry.aliases(FORREST)
    assert roll_back(trained).success
    assert trained.registry.aliases(FORREST) == served(trained) == before
    assert roll_back(trained).success
    assert trained.registry.aliases(FORREST) == served(trained) == promoted
    assert [entry.reason for entry in history(trained)][:2] == ["by hand: rollback: too weak"] * 2


def test_a_rollback_after_a_training_restores_the_previous_models(trained: World) -> None:
    before = trained.registry.aliases(FORREST)
    fill_store(trained.engine, 2, prefix="later")
    assert trained.run("train_models", only=["training/games", "training/dataset", "models/forrest"]).success
    assert not set(trained.registry.aliases(FORREST).values()) & set(before.values())
    assert roll_back(trained).success
    assert trained.registry.aliases(FORREST) == served(trained) == before


def test_a_configuration_gets_into_a_slot_and_stays_there(trained: World) -> None:
    before = trained.registry.aliases(FORREST)
    config = {"configuration": "xgb_c02", "alias": "shadow1", "reason": "best of all"}
    assert by_hand(trained, "promote_configuration", "promote_trained_configuration", **config).success
    after = trained.registry.aliases(FORREST)
    assert {alias for alias in after if after[alias] != before[alias]} == {"shadow1"}
    assert served(trained) == after
    version = trained.registry.version(FORREST, after["shadow1"])
    assert version.tags["hyperparameter_config_id"] == "xgb_c02"
    assert version.tags["replaces_version"] == before["shadow1"]
    assert "configuration xgb_c02: best of all" in str(history(trained)[0].reason)


def test_an_unknown_configuration_is_named(trained: World) -> None:
    config = {"configuration": "xgb_c13", "alias": "B", "reason": "best of all"}
    said = failure_of(by_hand(trained, "promote_configuration", "promote_trained_configuration", **config))
    assert "unknown configuration 'xgb_c13'" in said


def refuse(*_: object) -> None:
    raise OSError("disk full")


def test_a_full_ledger_puts_the_aliases_back_and_publishes_nothing(
    trained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, reloads = trained.registry.aliases(FORREST), trained.api.reloads
    with monkeypatch.context() as patch:
        patch.setattr(PromotionLedger, "append", refuse)
        assert "disk full" in failure_of(promote(trained, "xgboost@B"))
    assert trained.registry.aliases(FORREST) == served(trained) == before
    assert trained.registry.pending_promotion(FORREST) is None
    assert history(trained) == []
    assert trained.api.reloads == reloads


def deaf_api(world: World, _: pytest.MonkeyPatch) -> None:
    world.api.deaf = True


def stopped_api(world: World, _: pytest.MonkeyPatch) -> None:
    world.configure(api_base_override="http://127.0.0.1:9")


def full_cache(_: World, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ModelCache, "_write_markers", refuse)


@pytest.mark.parametrize("break_it", [deaf_api, stopped_api, full_cache], ids=lambda f: f.__name__)
def test_a_promotion_that_cannot_be_published_fails_and_is_published_by_the_next_run(
    trained: World, monkeypatch: pytest.MonkeyPatch, break_it: Callable[[World, pytest.MonkeyPatch], None]
) -> None:
    before, address = trained.registry.aliases(FORREST), trained.settings.services.api_base_url
    with monkeypatch.context() as patch:
        break_it(trained, patch)
        assert not promote(trained, "xgboost@B").success
    trained.api.deaf = False
    trained.configure(api_base_override=address)
    # Aliases and ledger agree, so that only publishing is left to do.
    assert trained.registry.aliases(FORREST) == swap_of(before)
    assert trained.registry.pending_promotion(FORREST) is None
    assert [entry.source for entry in history(trained)] == ["manual"]
    assert trained.run("promote_and_serve", only=SERVING).success
    assert served(trained) == swap_of(before)


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (ModelRegistry, "_write_aliases"),
        (PromotionLedger, "append"),
        (ModelRegistry, "end_promotion"),
        (ModelCache, "_write_markers"),
        (ModelCache, "_swap_index"),
        (ApiClient, "reload_models"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_promotion_killed_at_any_step_is_finished_and_published_by_the_next_run(
    trained: World, monkeypatch: pytest.MonkeyPatch, owner: type, step: str
) -> None:
    before = trained.registry.aliases(FORREST)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, kill)
        assert not promote(trained, "xgboost@B").success
    # Once aliases and ledger are complete, the intent is gone and only publishing is left.
    assert (trained.registry.pending_promotion(FORREST) is None) == (owner in {ModelCache, ApiClient})
    # The evidence of the first loop is enough to finish the promotion.
    assert trained.run("promote_and_serve", only=["promotion/forrest", *SERVING]).success
    assert trained.registry.aliases(FORREST) == served(trained) == swap_of(before)
    assert [entry.source for entry in history(trained)] == ["dagster", "manual"]
    assert trained.registry.pending_promotion(FORREST) is None
