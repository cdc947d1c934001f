"""Requests on the command line and through the API, carried out by real runs in a real Dagster and registry."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from rps_api.app import create_app
from rps_assets.assets import keys
from rps_assets.checks.promotion import expected_versions
from rps_cli.app import app as command_line
from rps_core import dagster_runs
from rps_core.game.families import ALIASES, Alias, Family
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.settings import load_settings
from rps_core.store.ledger import PromotionLedger
from rps_core.store.schema import games
from tests.builders.games import START
from tests.builders.ports import free_port
from tests.integration.assets.plant import Plant, open_plant, serving, set_environment, wait_for
from tests.integration.assets.world import World, kill, open_world

pytestmark = pytest.mark.in_order
FORREST: Family = "xgboost"
NOWHERE = "http://127.0.0.1:9"


class Product(NamedTuple):
    """One installation with all its processes."""

    world: World
    plant: Plant
    api: str

    def held(self, family: Family = FORREST) -> dict[Alias, str]:
        return self.world.registry.aliases(family)

    def newest(self, family: Family = FORREST) -> LedgerEntry:
        return PromotionLedger(self.world.engine).history(family=family, limit=1)[0]

    def served(self, family: Family = FORREST) -> dict[str, str]:
        """Return what cache and API agree to serve."""
        index = self.world.cache.read_index()
        assert index is not None
        cached = {entry.alias: entry.version for entry in index.entries if entry.family == family}
        shown = httpx.get(f"{self.api}/models").json()[family]["aliases"]
        assert cached == {alias: shown[alias]["version"] for alias in cached}
        return dict(cached)

    def ask(self, path: str, **parameters: Any) -> httpx.Response:
        return httpx.post(f"{self.api}{path}", params=parameters or None, timeout=60)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, trained_template: Path) -> Iterator[Product]:
    """One product for all tests of this file: each test starts from the state that the previous one left."""
    folder = tmp_path_factory.mktemp("commands")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        world = stack.enter_context(open_world(folder, trained_template))
        port = free_port()
        world.configure(api_base_override=f"http://127.0.0.1:{port}")
        set_environment(patch, world)
        plant = stack.enter_context(open_plant(folder))
        settings = load_settings(dagster_url_override=plant.url)
        api = stack.enter_context(serving(create_app(settings, refresh_models=False), port))
        httpx.post(f"{api}/models/reload").raise_for_status()
        yield Product(world, plant, api)


@pytest.fixture
def product(running: Product, monkeypatch: pytest.MonkeyPatch) -> Product:
    set_environment(monkeypatch, running.world, RPS_DAGSTER_URL=running.plant.url)
    monkeypatch.setattr(dagster_runs, "POLL_SECONDS", 0.05)
    return running


def rps(*arguments: str) -> Any:
    """Run a command that must succeed and return what it printed."""
    done = CliRunner().invoke(command_line, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str, exit_code: int = 1) -> str:
    """Run a command that must fail with one sentence, and return that."""
    done = CliRunner().invoke(command_line, arguments)
    assert done.exit_code == exit_code, done.output
    assert "Traceback" not in done.output
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("rps: ")]
    return sentence


def swap_of(held: dict[Alias, str], one: Alias = "Production", other: Alias = "B") -> dict[Alias, str]:
    return held | {one: held[other], other: held[one]}


# the command line


def test_promote_swaps_and_rollback_takes_it_back_with_registry_cache_api_and_ledger(product: Product) -> None:
    before = product.held()
    said = rps("promote", "xgboost@B", "--reason", "wins more")
    assert f"moved Production: {before['Production']} -> {before['B']}" in said
    assert product.held() == product.served() == swap_of(before)
    assert (product.newest().source, product.newest().reason) == ("manual", "by hand: wins more")
    rps("rollback", "xgboost", "--reason", "loses against everybody")
    assert product.held() == product.served() == before
    assert product.newest().reason == "by hand: rollback: loses against everybody"


def test_promote_fills_a_slot_with_a_version_and_lets_two_challengers_change_places(product: Product) -> None:
    before = product.held("multinomial_logistic")
    rps("promote", "multinomial_logistic@B:shadow1", "--reason", "predicts better")
    swapped = swap_of(before, "B", "shadow1")
    assert product.held("multinomial_logistic") == product.served("multinomial_logistic") == swapped
    rps("promote", f"multinomial_logistic@B={before['B']}", "--reason", "once more")
    assert product.held("multinomial_logistic") == swapped | {"B": before["B"]}


def test_a_configuration_is_trained_and_put_into_a_slot(product: Product) -> None:
    before = product.held()
    rps("experiments", "promote", "xgb_c02", "shadow2", "--reason", "best of twelve")
    after = product.held()
    assert {alias for alias in ALIASES if before[alias] != after[alias]} == {"shadow2"}
    assert product.served() == after
    tags = product.world.registry.version(FORREST, after["shadow2"]).tags
    assert tags["hyperparameter_config_id"] == "xgb_c02"
    assert product.newest().reason == "by hand: configuration xgb_c02: best of twelve"
    listed = rps("experiments", "list")
    assert "slot shadow2" in next(line for line in listed.splitlines() if line.startswith("xgb_c02"))
    assert "configurations are not trained yet" in listed


@pytest.mark.parametrize(
    "arguments",
    [("promote", "xgboost@B"), ("rollback", "xgboost"), ("experiments", "promote", "xgb_c02", "B")],
    ids=" ".join,
)
def test_a_dry_run_moves_nothing(product: Product, arguments: tuple[str, ...]) -> None:
    before, entry = product.held(), product.newest()
    assert "nothing moved" in rps(*arguments, "--reason", "to see", "--dry-run")
    assert (product.held(), product.newest()) == (before, entry)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("promote", "xgboost@Production=9999"), "has no version 9999"),
        (("rollback", "feedforward_nn"), "neither the ledger nor the versions name a version to go back to"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_impossible_request_is_refused_in_one_sentence(
    product: Product, arguments: tuple[str, ...], said: str
) -> None:
    before = product.world.registry.aliased_versions()
    assert said in refused(*arguments, "--reason", "to see")
    assert product.world.registry.aliased_versions() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("promote", "forrest@B", "xgboost@shadow9"), ["unknown model family 'forrest'", "unknown alias 'shadow9'"]),
        (("rollback", "zed"), ["unknown model family 'zed'; known families: xgboost, "]),
        (("experiments", "promote", "xgb_c99", "C"), ["'xgb_c99'; known: ", "xgb_c12", "unknown alias 'C'"]),
    ],
    ids=" ".join,
)
def test_all_wrong_arguments_are_named_at_once_before_a_run_starts(
    product: Product, arguments: tuple[str, ...], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPS_DAGSTER_URL", NOWHERE)
    sentence = refused(*arguments, "--reason", " x ", exit_code=2)
    assert [
        text for text in (*said, "the reason 'x' is too short", "at least 3 characters") if text not in sentence
    ] == []


COMMANDS = [("promote", "xgboost@B"), ("rollback", "xgboost"), ("experiments", "promote", "xgb_c02", "B")]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_without_a_reason_nothing_is_done(product: Product, arguments: tuple[str, ...]) -> None:
    before = product.held()
    missing = CliRunner().invoke(command_line, arguments)
    assert (missing.exit_code, "--reason" in missing.output) == (2, True)
    assert "is too short" in refused(*arguments, "--reason", " ", exit_code=2)
    assert product.held() == before


@pytest.mark.parametrize("arguments", [*COMMANDS, ("experiments", "list")], ids=" ".join)
def test_without_dagster_the_error_says_how_to_start_it(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPS_DAGSTER_URL", NOWHERE)
    reason = () if arguments[-1] == "list" else ("--reason", "to see")
    assert "start the product with `rps up`" in refused(*arguments, *reason)


# the API


def test_the_api_promotes_and_demotes_with_registry_cache_serving_and_ledger(product: Product) -> None:
    before = product.held()
    promoted = product.ask("/models/rps_bot_xgboost/promote", reason="wins more").raise_for_status()
    assert promoted.status_code == 200
    reply = promoted.json()
    assert (reply["success"], reply["model_name"], reply["promoted_to"]) == (True, "rps_bot_xgboost", "Production")
    assert (reply["version"], reply["previous_production"]) == (before["B"], before["Production"])
    assert product.held() == product.served() == swap_of(before)
    entry = product.newest()
    assert (entry.decision, entry.source) == ("swap_production_b", "manual")
    assert str(entry.reason).startswith("by hand: wins more (request ")
    history = PromotionLedger(product.world.engine).history(family=FORREST)
    # The check of the promotion asset passes: no alias moved without a ledger entry.
    assert expected_versions(history, product.held(), {}) == product.held()
    reply = product.ask("/models/xgboost/demote").raise_for_status().json()
    assert (reply["success"], reply["demoted_from"], reply["current_stage"]) == (True, "Production", "B")
    assert reply["version"] == before["B"]
    assert product.held() == product.served() == before
    assert str(product.newest().reason).startswith("by hand: requested through the API (request ")


def test_the_api_lets_b_and_a_shadow_change_places(product: Product) -> None:
    before = product.held()
    reply = product.ask("/models/xgboost/promote", stage="shadow1").raise_for_status().json()
    assert (reply["promoted_to"], reply["version"]) == ("shadow1", before["B"])
    assert product.held() == product.served() == swap_of(before, "shadow1", "B")


def test_a_request_that_does_not_wait_is_answered_as_not_done_yet(product: Product) -> None:
    before = product.held()
    answer = product.ask("/models/xgboost/promote", wait_seconds=0)
    reply = answer.raise_for_status().json()
    assert (answer.status_code, reply["success"], reply["version"]) == (202, False, None)
    wait_for(lambda: _has_ended(product, reply["run_id"]), "the end of the run")
    assert product.held() == product.served() == swap_of(before)


def _has_ended(product: Product, run_id: str) -> bool:
    run = product.plant.instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


def test_a_promotion_killed_between_aliases_and_ledger_is_finished_by_the_next_run(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, entry = product.held(), product.newest()
    with monkeypatch.context() as patch:
        patch.setattr(PromotionLedger, "append", kill)
        answer = product.ask("/models/xgboost/promote", reason="wins more")
    assert answer.status_code == 503
    assert product.held() == swap_of(before)
    assert product.newest() == entry
    assert product.world.run(
        "promote_and_serve", only=["promotion/forrest", "serving/model_cache", "serving/served_models"]
    ).success
    history = PromotionLedger(product.world.engine).history(family=FORREST, limit=2)
    assert [one.source for one in history] == ["dagster", "manual"]
    assert str(history[1].reason).startswith("by hand: wins more (request ")
    assert product.held() == product.served() == swap_of(before)
    assert product.world.registry.pending_promotion(FORREST) is None


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/models/nobody/promote", 400, "nobody"),
        ("/models/xgboost/promote?stage=C", 400, "'C'"),
        ("/models/xgboost/promote?stage=B", 400, "cannot exchange B with itself"),
        ("/models/xgboost/promote?reason=x", 422, "reason"),
        ("/models/feedforward_nn/promote?stage=shadow2", 503, "has no version at shadow2; nothing can change places"),
    ],
)
def test_an_impossible_api_request_is_a_problem_and_moves_nothing(
    product: Product, path: str, status: int, said: str
) -> None:
    registry = product.world.registry
    emptied = registry.aliases("feedforward_nn").get("shadow2")
    if status == 503:
        registry.move_aliases("feedforward_nn", {"shadow2": None})
    before = registry.aliased_versions()
    answer = product.ask(path)
    assert registry.aliased_versions() == before
    if status == 503:
        registry.move_aliases("feedforward_nn", {"shadow2": emptied})
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_without_dagster_the_api_moves_nothing(product: Product) -> None:
    before = product.held()
    settings = load_settings(dagster_url_override=NOWHERE)
    with serving(create_app(settings, refresh_models=False)) as lonely:
        answer = httpx.post(f"{lonely}/models/xgboost/promote")
    assert (answer.status_code, "gave no valid answer" in answer.json()["detail"]) == (503, True)
    assert product.held() == before


# the asset that plays


def test_scripted_games_are_played_through_the_api_by_a_run(product: Product) -> None:
    runs = dagster_runs.DagsterRuns(product.plant.url)
    config = {"ops": {"gameplay__scripted_games": {"config": {"games": 3, "seed": 7}}}}
    ended = runs.watch(runs.launch("play_scripted_games", config), lambda _said: None)
    assert ended.has_succeeded, ended.failure
    event = product.plant.instance.get_latest_materialization_event(keys.SCRIPTED_GAMES)
    assert event is not None
    assert event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert (shown["games"].value, shown["seed"].value) == (3, 7)
    query = select(games.c.player_kind, games.c.winner).where(games.c.created_ts_utc > START + timedelta(days=1))
    with product.world.engine.connect() as connection:
        played = connection.execute(query).all()
    assert [row.player_kind for row in played] == ["scripted"] * 3
    assert all(row.winner for row in played)
