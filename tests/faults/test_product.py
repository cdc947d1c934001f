"""The whole product, as `make up` starts it: first training, play, kills, recovery and stop.

The tests share one data folder and run in the order of this file, in one worker.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import httpx
import psutil
import pytest
from sqlalchemy import URL

from rps_core.cache import ModelCache
from rps_core.game.families import SLOTS
from rps_core.game.moves import MOVES
from rps_core.game.scoring import MAX_ROUNDS
from rps_core.promotion.ledger_entry import SWAP
from rps_core.store import open_engine
from tests.builders.guard import Guard, network_guard
from tests.e2e.product import COMMAND, Product, command_of, product_environment, run_cli, wait_for
from tests.faults.checks import Health, check_store
from tests.faults.clients import Acknowledged
from tests.faults.recovery import Recovered

pytestmark = [pytest.mark.e2e, pytest.mark.in_order, pytest.mark.timeout(600)]
# Services to kill: a fragment of the command, and an address at which the service answers.
SERVICES = {
    "dagster-daemon": ("dagster._daemon", None),
    "dagster-code": ("api grpc", None),
    "dagster-webserver": ("dagster_webserver", "{dagster}/server_info"),
    "mlflow": ("mlflow.server", "{mlflow}/health"),
}
LOGAN = "multinomial_logistic"
# Its predictions hardly depend on the game, so that every other configuration wins more often.
POOR = "mn_b01"
FILLED = f"{LOGAN}@Production"
SIDES = ("Production", "B")
_STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
_SWAPS = """query { assetNodeOrError(assetKey: {path: ["promotion", "logan"]}) { ... on AssetNode {
  assetMaterializations(limit: 5) { ...Metadata } assetObservations(limit: 5) { description ...Metadata }
} } }
fragment Metadata on DisplayableEvent { metadataEntries {
  label ... on TextMetadataEntry { text } ... on IntMetadataEntry { intValue } ... on MarkdownMetadataEntry { mdStr }
} }"""
_RETRIES = "query { runsOrError(limit: 50) { ... on Runs { results { runId rootRunId status } } } }"


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """Record every attempt to leave this machine."""
    with network_guard(tmp_path_factory.mktemp("guard")) as watching:
        yield watching


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[Product]:
    # A folder with every character that a program misread, a proxy that answers nothing, and blank variables.
    folder = tmp_path_factory.mktemp("product") / "100% of #1's; what? ü %20"
    blank = dict.fromkeys(("RPS_CACHE_URL", "MLFLOW_TRACKING_URI", "RPS_DB_PATH", "MINIO_ENDPOINT"), "")
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    running = Product(product_environment(folder, guard.environment, **blank, **proxies))
    running.start()
    yield running
    for process in running.leftovers():
        process.kill()
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


class Player:
    """Plays games in a thread and keeps every acknowledged round."""

    def __init__(self, api_url: str) -> None:
        self.acknowledged: dict[str, list[dict[str, Any]]] = {}
        self.lost_connections = 0
        self._api_url = api_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def rounds(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    def _play(self) -> None:
        with httpx.Client(base_url=self._api_url, timeout=10.0) as client:
            while not self._stop.is_set():
                started = self._post(client, "/start_game", {"player_name": "Mira", "policy": "forrest"})
                game_id = started.get("game_id")
                for number in range(1, MAX_ROUNDS + 1 if game_id else 1):
                    move = {"game_id": game_id, "user_move": MOVES[number % 3], "round": number}
                    reply = self._post(client, "/play", move)
                    if reply:
                        self.acknowledged.setdefault(game_id, []).append(reply)
                    if not reply or reply["finished"]:
                        break

    def _post(self, client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Repeat the request until it is answered, as the page does."""
        while not self._stop.is_set():
            try:
                return dict(client.post(path, json=body).raise_for_status().json())
            except httpx.TransportError:
                self.lost_connections += 1
                self._stop.wait(0.1)
        return {}


def assert_nothing_was_lost(product: Product, player: Player) -> None:
    assert player.rounds > 0
    engine = open_engine(URL.create("sqlite", database=str(product.data / "rps.db")))
    acknowledged = [Acknowledged.of(reply) for replies in player.acknowledged.values() for reply in replies]
    check_store(engine, acknowledged, api_url=product.api_url)
    engine.dispose()


def cached(product: Product) -> dict[str, dict[str, Any]]:
    """Return version and run of each slot in the cache's index, like `Product.served`."""
    index = ModelCache.open(f"file://{product.data / 'model_cache'}").read_index()
    assert index is not None
    return {str(entry.slot): {"version": entry.version, "run_id": entry.run_id} for entry in index.entries}


def test_people_can_play_before_there_are_models(product: Product) -> None:
    product.wait_for_line("page playable after")
    assert "<html" in httpx.get(f"{product.api_url}/").raise_for_status().text
    started = httpx.post(f"{product.api_url}/start_game", json={"player_name": "Mira", "policy": "brian"}).json()
    played = httpx.post(f"{product.api_url}/play", json={"game_id": started["game_id"], "user_move": "rock"}).json()
    assert played["round"] == 1


def test_twelve_models_are_trained_and_served_as_the_registry_says(product: Product) -> None:
    product.wait_for_line("120 scripted games with seed")
    product.wait_for_line("12 models served after")
    product.wait_for_line(product.mlflow_url)
    served = product.served()
    assert set(served) == {str(slot) for slot in SLOTS}
    assert served == product.registered()
    assert "StarletteDeprecationWarning" not in (product.data / "logs" / "mlflow.log").read_text()
    addresses = [line.split()[-1] for line in product.output if "  http://" in line]
    assert addresses == 2 * [f"{product.api_url}/", product.dagster_url, product.mlflow_url]


@pytest.mark.parametrize("policy", ["brian", "forrest", "logan"])
def test_a_whole_game_is_played_against_a_model_from_round_four_on(product: Product, policy: str) -> None:
    with httpx.Client(base_url=product.api_url) as client:
        game_id = client.post("/start_game", json={"player_name": "Mira", "policy": policy}).json()["game_id"]
        sources = []
        for number in range(1, MAX_ROUNDS + 1):
            move = {"game_id": game_id, "user_move": MOVES[number % 3], "round": number}
            reply = client.post("/play", json=move).raise_for_status().json()
            sources.append(reply["model_info"]["probability_source"])
            if reply["finished"]:
                break
    assert reply["winner"] in {"user", "bot", "tie"}
    assert set(sources[:3]) == {"gambit"}
    assert set(sources[3:]) == {"mlflow"}


def test_a_training_whose_process_is_killed_runs_again_and_its_model_is_served(
    product: Product, recovered: Recovered
) -> None:
    """The training of a poor configuration for Production, which has to defend its place in the next test."""
    before = product.registered()
    command = [*COMMAND, "experiments", "promote", POOR, "Production", "--reason", "to watch a promotion"]
    with subprocess.Popen(command, env=product.environment, stderr=subprocess.PIPE, text=True) as promoting:
        assert promoting.stderr is not None
        run_id = promoting.stderr.readline().strip().rpartition("/")[2]
        wait_for(lambda: status_of(product, run_id) == "STARTED" or None, "the run's first step")
        killed = wait_for(lambda: process_of(product, run_id), "the process of the run")
        killed_at = time.monotonic()
        killed.kill()
        recovered("process of a training killed: run again", lambda: was_retried(product, run_id), since=killed_at)
        promoting.communicate()
    assert product.registered()[FILLED] != before[FILLED]

    def all_agree() -> bool:
        return product.registered() == cached(product) == product.served()

    recovered("process of a training killed: model served", all_agree, since=killed_at)


def test_a_poor_configuration_in_production_loses_its_place(product: Product) -> None:
    """The README's "Watch a promotion happen": nobody confirms anything, and every part shows the swap."""
    while standing_of_logan(product)["progress"]["share"] < 1 and swap_of_logan(product) is None:
        played = run_cli(product.environment, "simulate", "--games", "60", "--bot", "logan")
        assert played.returncode == 0, played.stderr
    swap = wait_for(lambda: swap_of_logan(product), "the sensor to let Production and B change places")
    judged, slots = swap["comparison"], swap["alias_assignments"]
    # Since this test began, an earlier decision may have put a shadow, which predicts better, into B's place.
    before, held = ({slot["alias"]: slot[when] for slot in slots} for when in ("previous_version", "version"))
    assert judged["production"] == POOR
    assert judged["evidence"] >= judged["threshold"]
    assert held["Production"] == before["B"]
    # So may this one.
    assert before["Production"] in {held[alias] for alias in ("B", "shadow1", "shadow2")}

    def all_agree() -> bool | None:
        served = product.served()
        return (served == cached(product) == product.registered() and in_logans_slots(served) == held) or None

    wait_for(all_agree, "registry, cache and API to hold what the ledger says")

    def shown_state() -> dict[str, Any] | None:
        state = product.http.get(f"{product.api_url}/observatory/state").raise_for_status().json()
        slots = {f"{slot['family']}@{slot['alias']}": slot for slot in state["slots"]}
        return state if in_logans_slots(slots) == held else None

    # The observatory keeps its answer for a few seconds.
    shown = wait_for(shown_state, "the observatory to show what is served")
    assert SWAP in {event["decision"] for event in shown["ledger"] if event["family"] == LOGAN}
    assert standing_of_logan(product)["comparison"]["production"] == judged["b"]
    node = query_dagster(product, _SWAPS, {})["assetNodeOrError"]
    (decided,) = [found for found in map(entries_of, node["assetMaterializations"]) if found.get("decision") == SWAP]
    assert (decided["pairs_only_b_won"], decided["comparison"]) == (judged["b_pairs"], swap["reason"].split(" | ")[1])
    assert all(f"| {side} | {before[side]} |" in decided["games_by_version"] for side in SIDES)
    (event,) = [
        found for found in node["assetObservations"] if found["description"] == f"{judged['b']} took Production's place"
    ]
    assert f"Production v{held['Production']}" in entries_of(event)["after"]


def standing_of_logan(product: Product) -> dict[str, Any]:
    """Return what `rps promotion` and the observatory show."""
    shown = run_cli(product.environment, "promotion", "--json")
    return next(family for family in json.loads(shown.stdout) if family["family"] == LOGAN)


def swap_of_logan(product: Product) -> dict[str, Any] | None:
    """Return the ledger's entry of a swap that the loop decided."""
    reply = product.http.get(
        f"{product.api_url}/internal/promotion/history", params={"model_type": LOGAN}
    ).raise_for_status()
    return next((entry for entry in reply.json() if (entry["decision"], entry["source"]) == (SWAP, "dagster")), None)


def in_logans_slots(models: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the version in each of Logan's slots."""
    return {slot.partition("@")[2]: model["version"] for slot, model in models.items() if slot.startswith(LOGAN)}


def entries_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of an event in Dagster by label."""
    return {label: next(iter(rest), None) for label, *rest in (entry.values() for entry in event["metadataEntries"])}


def status_of(product: Product, run_id: str) -> str:
    return str(query_dagster(product, _STATUS, {"id": run_id})["runOrError"]["status"])


def query_dagster(product: Product, query: str, variables: dict[str, str]) -> dict[str, Any]:
    """Query Dagster as its UI does."""
    body = {"query": query, "variables": variables}
    answer = product.http.post(f"{product.dagster_url}/graphql", json=body).raise_for_status().json()
    return dict(answer["data"])


def process_of(product: Product, run_id: str) -> psutil.Process | None:
    """Return the process of a run: the child of the code server above the `tail` of its log, which names the run."""
    tails = [process for process in product.leftovers() if run_id in command_of(process)]
    ancestors = [parent for tail in tails for parent in tail.parents()]
    return next((process for process in ancestors if "spawn_main" in command_of(process)), None)


def was_retried(product: Product, run_id: str) -> bool:
    runs = query_dagster(product, _RETRIES, {})["runsOrError"]["results"]
    return any(run["rootRunId"] == run_id != run["runId"] and run["status"] == "SUCCESS" for run in runs)


def test_status_shows_the_processes_and_a_second_start_is_refused(product: Product) -> None:
    status = run_cli(product.environment, "status")
    assert status.returncode == 0
    assert "12 of 12 served" in status.stdout
    assert all(name in status.stdout for name in ("api ", "mlflow ", "dagster-code ", "dagster-daemon "))
    second = run_cli(product.environment, "up")
    assert second.returncode == 1
    assert f"already runs on {product.data} (process {product.process.pid})" in second.stderr
    assert product.process.poll() is None


def test_a_killed_api_is_restarted_and_no_acknowledged_round_is_lost(product: Product, recovered: Recovered) -> None:
    with Player(product.api_url) as player:
        wait_for(lambda: player.rounds > 20 or None, "rounds")
        killed = product.process_named("rps_api.app:create_app")
        killed_at = time.monotonic()
        killed.kill()
        product.wait_for_line("api ended; restarting it")
        wait_for(lambda: player.lost_connections or None, "a lost connection")
        before = player.rounds
        recovered("API killed under rps up: rounds go on", lambda: player.rounds > before, since=killed_at)
        wait_for(lambda: player.rounds > before + 20 or None, "rounds after the restart")
    assert_nothing_was_lost(product, player)
    assert product.process_named("rps_api.app:create_app").pid != killed.pid


def test_killed_services_are_restarted_and_players_do_not_notice(product: Product, recovered: Recovered) -> None:
    """All at the same moment, so that none of them needs another one to come back."""
    with Player(product.api_url) as player:
        killed = {name: product.process_named(fragment) for name, (fragment, _) in SERVICES.items()}
        killed_at = time.monotonic()
        for process in killed.values():
            process.kill()
        silent = set(SERVICES)
        while silent:
            line = product.wait_for_line(" ended; restarting it")
            silent -= {name for name in silent if name in line}
        for name, process in killed.items():
            wait_for_service(product, name, process.pid, killed_at, recovered)
        before = player.rounds
        wait_for(lambda: player.rounds > before + 5 or None, "rounds in the meantime")
        assert Health(product.api_url).is_well
    assert player.lost_connections == 0
    assert_nothing_was_lost(product, player)


def wait_for_service(product: Product, name: str, killed: int, killed_at: float, recovered: Recovered) -> None:
    fragment, address = SERVICES[name]
    recovered(f"{name} killed: runs again", lambda: is_running(product, fragment, killed), since=killed_at)
    if address:
        url = address.format(dagster=product.dagster_url, mlflow=product.mlflow_url)
        recovered(f"{name} killed: answers again", lambda: product.http.get(url).is_success, since=killed_at)


def is_running(product: Product, fragment: str, killed: int) -> bool:
    running = [process.pid for process in product.leftovers() if fragment in command_of(process)]
    return bool(set(running) - {killed})


def test_after_a_killed_rps_up_the_next_start_cleans_up_and_resumes(product: Product) -> None:
    served = product.served()
    with Player(product.api_url) as player:
        wait_for(lambda: player.rounds > 20 or None, "rounds")
        product.process.kill()
        product.wait_for_end()
        orphans = product.leftovers()
        assert orphans
        product.start()
        product.wait_for_line("processes of an earlier session")
        product.wait_for_line("page playable after")
        before = player.rounds
        wait_for(lambda: player.rounds > before + 20 or None, "rounds after the restart")
    assert_nothing_was_lost(product, player)
    assert not any(orphan.is_running() for orphan in orphans)
    product.wait_for_line("12 models served after")
    assert product.served() == served
    assert not any("scripted games" in line for line in product.output)


def test_a_signal_stops_all_processes_with_exit_code_zero(product: Product) -> None:
    if not any("Dagster's UI is up" in line for line in product.output):
        product.wait_for_line("Dagster's UI is up")
    processes = product.leftovers()
    assert len(processes) >= 6
    assert product.stop() == 0
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert product.leftovers() == []
    assert "everything is stopped" in product.output[-1]
    assert run_cli(product.environment, "status").returncode == 1
    with pytest.raises(ProcessLookupError):
        os.kill(product.process.pid, signal.SIGTERM)


def test_no_part_of_the_product_tried_to_leave_the_machine(product: Product, guard: Guard) -> None:
    """API, code location, trainings, UI, daemon and MLflow have run and ended, so every report would be recorded."""
    assert product.leftovers() == []
    assert guard.attempts() == []
