"""Promotions through Dagster: evidence, decision, aliases, ledger and publishing, also if the run is killed."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rps_assets.assets import keys
from rps_assets.promotion import cycle
from rps_assets.serving.model_registry import ModelRegistry, RegistryError
from rps_core.api_client import ApiClient
from rps_core.cache import ModelCache, SyncReport
from rps_core.game.families import ALIASES, FAMILIES, Alias, Family
from rps_core.promotion.ledger_entry import SWAP, LedgerEntry
from rps_core.promotion.rules import PromotionRules
from rps_core.store.ledger import PromotionLedger
from tests.integration.assets.world import (
    Killed,
    World,
    failure_of,
    fill_store,
    kill,
    metadata_of,
    record_predictions,
)

FORREST: Family = "xgboost"
ONLY_FORREST = ["promotion/performance", "promotion/forrest"]
ALL_FAMILIES = ["promotion/performance", *(f"promotion/{key.path[-1]}" for key in keys.PROMOTIONS.values())]
FORREST_TO_API = [*ONLY_FORREST, "serving/model_cache", "serving/served_models"]
PLAYING: tuple[Alias, ...] = ("Production", "B")
SWAPPED: dict[Alias, Alias] = {"Production": "B", "B": "Production", "shadow1": "shadow1", "shadow2": "shadow2"}
# Registry tags are varchar(5000) on PostgreSQL and MySQL; only SQLite takes more.
LONGEST_TAG = 5_000


def let_b_win(world: World, family: Family = FORREST) -> None:
    """Let B win 30 of 40 games and Production 12 of 40: enough for the default rule."""
    world.record(family, "B", wins=30, losses=10)
    world.record(family, "Production", wins=12, losses=28)


def history(world: World, family: Family = FORREST) -> list[LedgerEntry]:
    """Return the newest entries first, without the entry of the first loop."""
    return PromotionLedger(world.engine).history(family=family)[:-1]


def served(world: World, family: Family = FORREST) -> dict[str, str]:
    """Return what cache and API agree to serve for the family."""
    index = world.cache.read_index()
    assert index is not None
    cached = {entry.alias: entry.version for entry in index.entries if entry.family == family}
    assert cached == {alias: world.api.served[f"{family}@{alias}"]["version"] for alias in cached}
    return dict(cached)


def swap_of(before: dict[Alias, str]) -> dict[Alias, str]:
    return {alias: before[source] for alias, source in SWAPPED.items()}


def test_a_better_b_takes_productions_place_and_the_ledger_says_why(trained: World) -> None:
    let_b_win(trained)
    before = trained.registry.aliases(FORREST)
    result = trained.run("promote_and_serve", only=ONLY_FORREST)
    assert result.success
    assert trained.registry.aliases(FORREST) == swap_of(before)
    assert trained.registry.pending_promotion(FORREST) is None
    entry = history(trained)[0]
    assert (entry.decision, entry.source) == (SWAP, "dagster")
    assert (entry.b_wins, entry.b_total_games, entry.production_wins, entry.production_total_games) == (30, 40, 12, 40)
    assert entry.z_statistic == pytest.approx(0.45 / math.sqrt(0.525 * 0.475 * 2 / 40))
    moved = {one.alias: (one.previous_version, one.version) for one in entry.alias_assignments if one.changed}
    assert moved == {
        "Production": (before["Production"], before["B"]),
        "B": (before["B"], before["Production"]),
    }
    shown = metadata_of(result, keys.PROMOTIONS[FORREST])
    assert (shown["decision"], shown["applied"], shown["dry_run"]) == (SWAP, True, False)


def test_the_cycle_after_a_swap_does_not_swap_back(trained: World) -> None:
    let_b_win(trained)
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    swapped = trained.registry.aliases(FORREST)
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    assert trained.registry.aliases(FORREST) == swapped
    after, swap = history(trained)
    assert (after.decision, swap.decision) == ("insufficient_data", SWAP)
    assert (after.promotion_cycles_since_swap, after.cycle, swap.cycle) == (1, 3, 2)
    assert after.comparison is not None
    assert swap.comparison is not None
    assert (after.comparison.production, after.comparison.b) == (swap.comparison.b, swap.comparison.production)
    assert (after.comparison.pairs, swap.comparison.pairs, swap.comparison.b_pairs) == (0, 40, 18)


def test_29_games_a_side_are_not_enough_and_the_ledger_says_so(trained: World) -> None:
    trained.record(FORREST, "B", wins=29, losses=0)
    trained.record(FORREST, "Production", wins=0, losses=29)
    before = trained.registry.aliases(FORREST)
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    assert trained.registry.aliases(FORREST) == before
    assert history(trained)[0].decision == "insufficient_data"
    assert "sequential needs 30 decided games on each side" in (history(trained)[0].reason or "")


def test_the_original_rule_can_be_chosen_and_swaps_after_three_games(trained: World) -> None:
    trained.record(FORREST, "B", wins=2, losses=1)
    trained.record(FORREST, "Production", wins=1, losses=2)
    trained.configure(promotion_policy="lead")
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    assert history(trained)[0].decision == SWAP


def test_the_better_predictor_becomes_the_first_challenger(trained: World) -> None:
    before = trained.registry.aliases(FORREST)
    for alias, correct in (("B", 40), ("shadow1", 50), ("shadow2", 60)):
        record_predictions(trained.engine, FORREST, trained.identity(FORREST, alias), correct=correct, of=100)  # type: ignore[arg-type]
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    after = trained.registry.aliases(FORREST)
    assert [after[alias] for alias in ALIASES] == [
        before["Production"],
        before["shadow2"],
        before["shadow1"],
        before["B"],
    ]
    assert history(trained)[0].reorder_applied


def test_a_dry_run_decides_and_writes_nothing(trained: World) -> None:
    let_b_win(trained)
    before = trained.registry.aliases(FORREST)
    result = trained.run(
        "promote_and_serve", only=ONLY_FORREST, config={"ops": {"promotion__forrest": {"config": {"dry_run": True}}}}
    )
    shown = metadata_of(result, keys.PROMOTIONS[FORREST])
    assert (shown["decision"], shown["applied"], shown["dry_run"]) == (SWAP, False, True)
    assert trained.registry.aliases(FORREST) == before
    assert history(trained) == []
    assert trained.registry.pending_promotion(FORREST) is None


def test_a_family_that_fails_stops_neither_the_other_promotions_nor_their_publishing(
    trained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for family in FAMILIES:
        let_b_win(trained, family)
    before = {family: trained.registry.aliases(family) for family in FAMILIES}
    pending = ModelRegistry.pending_promotion

    def refuse_forrest(self: ModelRegistry, family: Family) -> str | None:
        if family == FORREST:
            raise RegistryError("rps_bot_xgboost cannot be read")
        return pending(self, family)

    monkeypatch.setattr(ModelRegistry, "pending_promotion", refuse_forrest)
    result = trained.run("promote_and_serve")
    assert "rps_bot_xgboost cannot be read" in failure_of(result)
    for family in FAMILIES:
        swaps = family != FORREST
        assert trained.registry.aliases(family) == (swap_of(before[family]) if swaps else before[family])
        assert [entry.decision for entry in history(trained, family)] == ([SWAP] if swaps else [])
    assert result.asset_materializations_for_node("serving__model_cache") == []

    # The next run of the loop leaves the promotions out, so that the swaps are served.
    assert trained.run("promote_and_serve", only=["serving/model_cache", "serving/served_models"]).success
    for family in FAMILIES:
        assert served(trained, family) == trained.registry.aliases(family)


def before_the_first_alias(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ModelRegistry, "_write_aliases", kill)


def between_two_aliases(patch: pytest.MonkeyPatch) -> None:
    def write_one(self: ModelRegistry, family: Family, wanted: dict[Alias, str]) -> None:
        alias, version = next(iter(wanted.items()))
        self._client.set_registered_model_alias("rps_bot_xgboost", alias, version)
        raise Killed

    patch.setattr(ModelRegistry, "_write_aliases", write_one)


def before_the_ledger(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PromotionLedger, "append", kill)


def after_the_ledger(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ModelRegistry, "end_promotion", kill)


def before_the_markers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ModelCache, "_write_markers", kill)


def before_the_index(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ModelCache, "_swap_index", kill)


def before_the_reload(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ApiClient, "reload_models", kill)


IN_THE_PROMOTION = (before_the_first_alias, between_two_aliases, before_the_ledger, after_the_ledger)
IN_THE_PUBLISHING = (before_the_markers, before_the_index, before_the_reload)


@pytest.mark.parametrize("moment", [*IN_THE_PROMOTION, *IN_THE_PUBLISHING], ids=lambda f: f.__name__)
def test_a_promotion_killed_at_any_moment_is_finished_and_published_by_the_next_run(
    trained: World, monkeypatch: pytest.MonkeyPatch, moment: Callable[[pytest.MonkeyPatch], None]
) -> None:
    let_b_win(trained)
    before = trained.registry.aliases(FORREST)
    with monkeypatch.context() as patch:
        moment(patch)
        assert not trained.run("promote_and_serve", only=FORREST_TO_API).success
    intent = trained.registry.pending_promotion(FORREST)
    assert (intent is not None) == (moment in IN_THE_PROMOTION)
    assert len(intent or "") < LONGEST_TAG
    assert trained.run("promote_and_serve", only=FORREST_TO_API).success
    assert trained.registry.aliases(FORREST) == served(trained) == swap_of(before)
    assert [entry.decision for entry in history(trained)] == ["insufficient_data", SWAP]
    assert trained.registry.pending_promotion(FORREST) is None


def test_three_swaps_in_one_run_are_published_once(trained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for family in FAMILIES:
        let_b_win(trained, family)
    synchronise, syncs, reloads = ModelCache.synchronise, list[None](), trained.api.reloads

    def counted(*arguments: Any, **named: Any) -> SyncReport:
        syncs.append(None)
        return synchronise(*arguments, **named)

    monkeypatch.setattr(ModelCache, "synchronise", counted)
    assert trained.run("promote_and_serve").success
    assert [history(trained, family)[0].decision for family in FAMILIES] == [SWAP] * 3
    assert (len(syncs), trained.api.reloads - reloads) == (1, 1)
    assert all(served(trained, family) == trained.registry.aliases(family) for family in FAMILIES)


def test_a_promotion_that_meets_an_error_is_undone(trained: World, monkeypatch: pytest.MonkeyPatch) -> None:
    let_b_win(trained)
    before = trained.registry.aliases(FORREST)

    def refuse(*_: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(PromotionLedger, "append", refuse)
    assert "disk full" in failure_of(trained.run("promote_and_serve", only=ONLY_FORREST))
    assert trained.registry.aliases(FORREST) == before
    assert trained.registry.pending_promotion(FORREST) is None
    assert history(trained) == []


def test_an_unfinished_promotion_gives_way_to_an_alias_that_moved_on_since(
    trained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_b_win(trained)
    with monkeypatch.context() as patch:
        before_the_first_alias(patch)
        trained.run("promote_and_serve", only=ONLY_FORREST)
    held = trained.registry.aliases(FORREST)
    trained.registry.set_alias(FORREST, "Production", held["shadow2"])
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    assert trained.registry.aliases(FORREST)["Production"] == held["shadow2"]
    assert trained.registry.pending_promotion(FORREST) is None


def test_a_family_materialised_alone_decides_on_the_games_of_now_and_leaves_the_others_alone(trained: World) -> None:
    let_b_win(trained)
    assert trained.run("promote_and_serve", only=["promotion/forrest"]).success
    assert history(trained)[0].decision == SWAP
    for family in FAMILIES:
        if family != FORREST:
            newest = PromotionLedger(trained.engine).newest_decision(family)
            assert newest is not None
            assert newest.cycle == 1


def test_retrainings_between_the_games_of_a_comparison_lose_no_pair(trained: World) -> None:
    trained.record(FORREST, "B", wins=15, losses=5)
    trained.record(FORREST, "Production", wins=6, losses=14)
    before = trained.registry.aliases(FORREST)
    fill_store(trained.engine, 10, prefix="later", start=datetime(2026, 11, 2, tzinfo=UTC))
    only = ["training/games", "training/dataset", "models/forrest"]
    assert trained.run("train_models", only=only).success
    assert set(trained.registry.aliases(FORREST).values()).isdisjoint(before.values())
    trained.record(FORREST, "B", wins=15, losses=5)
    trained.record(FORREST, "Production", wins=6, losses=14)
    result = trained.run("promote_and_serve", only=ONLY_FORREST)
    assert result.success
    entry = history(trained)[0]
    assert entry.decision == SWAP
    assert entry.comparison is not None
    assert (entry.comparison.generations, entry.comparison.pairs, entry.comparison.b_pairs) == (2, 40, 18)
    shown = metadata_of(result, keys.PROMOTIONS[FORREST])
    assert (shown["generations"], shown["pairs"], shown["pairs_only_b_won"]) == (2, 40, 18)
    assert "by 18 pairs to 0" in str(shown["comparison"])
    # Two trainings of both sides, and the games of each.
    assert shown["judged_games"] == 80
    listed = str(shown["games_by_version"])
    dataset = trained.registry.version(FORREST, entry_version(entry)).tags["dataset_fingerprint"]
    assert f"{dataset[:12]} | 20 | [result-xgboost-B-" in listed
    for alias in PLAYING:
        assert f"| {alias} | {before[alias]} | " in listed
        for number in ("000", "019"):
            assert f"/games/result-xgboost-{alias}-{before[alias]}-human-{number})" in listed


def entry_version(entry: LedgerEntry) -> str:
    """Return the version that a swap put into Production."""
    return next(slot.version or "" for slot in entry.alias_assignments if slot.alias == "Production")


def test_until_people_have_played_enough_scripted_players_count_and_the_ledger_says_so(trained: World) -> None:
    trained.record(FORREST, "B", wins=30, losses=10, kind="scripted")
    trained.record(FORREST, "Production", wins=12, losses=28, kind="scripted")
    trained.record(FORREST, "B", wins=3, losses=1)
    trained.record(FORREST, "Production", wins=1, losses=3)
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    entry = history(trained)[0]
    assert entry.decision == SWAP
    assert "counting scripted players: people have played 4 of the 30 games a side" in (entry.reason or "")
    assert entry.comparison is not None
    assert (entry.comparison.players, entry.comparison.threshold) == ("human,scripted", 40)


# A decision in a process of its own, which stops like a paused container between deciding and writing.
PAUSED_DECISION = """
import os, signal, sys
from rps_assets.promotion import cycle
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.promotion.rules import PromotionRules
from rps_core.store import open_engine

plan = cycle.plan_promotion

def paused(*arguments):
    decided = plan(*arguments)
    print("decided", decided.decision, flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    return decided

cycle.plan_promotion = paused
try:
    registry, store = ModelRegistry(sys.argv[1]), open_engine(sys.argv[2])
    cycle.run_cycle("xgboost", registry, store, PromotionRules(), print, dry_run=False)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_process_that_was_paused_and_given_up_decides_nothing_twice(trained: World) -> None:
    let_b_win(trained)
    before = trained.registry.aliases(FORREST)
    command = (sys.executable, "-c", PAUSED_DECISION, trained.registry.tracking_uri)
    with subprocess.Popen(
        (*command, trained.settings.storage.database_url), stdout=subprocess.PIPE, text=True
    ) as paused:
        assert paused.stdout is not None
        assert paused.stdout.readline() == "decided swap_production_b\n"
        # Dagster gave the run up and started another one.
        assert trained.run("promote_and_serve", only=ONLY_FORREST).success
        os.kill(paused.pid, signal.SIGCONT)
        said = paused.stdout.read()
    assert said.startswith("Overtaken xgboost: this run was overtaken: another run has made decision 2 meanwhile")
    assert trained.registry.aliases(FORREST) == swap_of(before)
    assert [entry.decision for entry in history(trained)] == [SWAP]
    assert trained.registry.pending_promotion(FORREST) is None


def test_a_run_whose_intent_another_run_finishes_writes_nothing_twice(
    trained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, moves = trained.registry.aliases(FORREST), list[Any]()
    move_aliases = ModelRegistry.move_aliases
    # The other run finds the intent of the paused one and finishes it: the ledger gets one entry.
    let_b_win(trained)

    def finished_meanwhile(self: ModelRegistry, family: Family, wanted: dict[Alias, str | None]) -> None:
        move_aliases(self, family, wanted)
        with monkeypatch.context() as inner:
            inner.setattr(ModelRegistry, "move_aliases", move_aliases)
            cycle.run_cycle(FORREST, trained.registry, trained.engine, PromotionRules(), moves.append, dry_run=False)

    with monkeypatch.context() as patch:
        patch.setattr(ModelRegistry, "move_aliases", finished_meanwhile)
        assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    assert trained.registry.aliases(FORREST) == swap_of(before)
    assert [(entry.cycle, entry.decision) for entry in history(trained)] == [(3, "insufficient_data"), (2, SWAP)]
    assert trained.registry.pending_promotion(FORREST) is None


def test_the_performance_table_distinguishes_kinds_of_players(trained: World) -> None:
    model = trained.identity(FORREST, "B")
    trained.record(FORREST, "B", wins=3, losses=1)
    shown = metadata_of(trained.run("promote_and_serve", only=["promotion/performance"]), keys.PERFORMANCE)
    assert (shown["games"], shown["dagster/row_count"]) == (4, 1)
    assert f"| {FORREST} | {model.version} | human | 4 | 3 | 1 | 0 | 0 | 0 | - |" in str(shown["performance"])


def test_a_cycle_is_dated_now(trained: World) -> None:
    started = datetime.now(UTC)
    assert trained.run("promote_and_serve", only=ONLY_FORREST).success
    assert started <= history(trained)[0].created_at <= datetime.now(UTC)


def test_an_empty_registry_decides_nothing_and_does_not_fail(world: World) -> None:
    result = world.run("promote_and_serve", only=ALL_FAMILIES)
    assert result.success
    assert {entry.decision for entry in PromotionLedger(world.engine).history()} == {"insufficient_data"}
    reason = str(metadata_of(result, keys.PROMOTIONS[FORREST])["reason"])
    assert reason.splitlines()[0] == "- no version in slot Production and B"
    assert "|" not in reason
