"""The smoke test of a running system, for the minutes after a rollout.

It plays one test game against each opponent. Test games do not count anywhere, so the test can run at any time.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from rps_cli.operations.findings import Check, NotApplicable, NotAsExpected
from rps_cli.operations.metrics import Samples, scrape
from rps_cli.operations.registry import registered_models
from rps_core.api_client import ApiClient
from rps_core.cache import MARKER_PREFIX, CacheIndex, ModelCache
from rps_core.game.families import SLOTS
from rps_core.game.gambits import OPENING_ROUNDS
from rps_core.game.opponents import POLICIES
from rps_core.game.scoring import Points, round_points
from rps_core.served_set import models_by_slot, slot_differences
from rps_core.settings import ServiceSettings, Settings, StorageSettings
from rps_core.simulation.report import PlannedGame, SimulationReport
from rps_core.simulation.simulator import RANDOM_PLAYER, PlayOptions, play_games

SEED = 96
# Values of rock, paper and scissors that no release may change, because stored games are scored with them.
KNOWN_POINTS: tuple[tuple[str, int, Points], ...] = (
    ("demo-alpha", 1, (1.4, 1.9, 1.0)),
    ("demo-alpha", 4, (1.2, 1.7, 1.0)),
    ("demo-beta", 1, (1.0, 1.3, 1.8)),
    ("00000000-0000-4000-8000-000000000001", 17, (1.1, 1.6, 1.0)),
)
KEY_SERIES = (
    "rps_store_up",
    "rps_tallies_ready",
    "rps_games_total",
    "rps_action_wins_total",
    "rps_model_predictions_by_alias_total",
    "rps_model_games_by_alias_total",
    "rps_model_fallback_total",
    "rps_model_promotion_events_total",
    "rps_model_loaded_info",
    "http_requests_total",
)
ROUND_COUNTERS = frozenset(f"rps_action_{result}_total" for result in ("wins", "losses", "ties"))
ATTEMPTS = 3
# A scrape reads the store at most once a second.
SCRAPE_PAUSE_SECONDS = 1.2


def smoke_checks(
    api: ApiClient, settings: Settings, *, api_only: bool = False, sleep: Callable[[float], None] = time.sleep
) -> Iterator[tuple[str, Check]]:
    """Return the checks, in order.

    Args:
        api: the API to test.
        settings: where the registry and the cache are.
        api_only: check neither the registry nor the cache.
        sleep: waits for the next scrape.
    """
    yield "alive", lambda: _check_alive(api)
    yield "ready", lambda: _check_ready(api)
    yield "key series", lambda: _check_key_series(api)
    yield "known round values", _check_known_points
    yield "games against all opponents", lambda: _check_test_games(api, sleep)
    yield "promotion ledger", lambda: _check_ledger(api)
    if not api_only:
        yield "12 aliases in the registry", lambda: _check_aliases(settings.services)
        yield "served models are the registry's", lambda: _check_served(api, settings.services)
        yield "model cache mirrors the registry", lambda: _check_cache(settings.storage, settings.services)


def _check_alive(api: ApiClient) -> str:
    if api.get("/healthz") != {"ok": True}:
        raise NotAsExpected(
            f"GET {api.address}/healthz did not answer ok", "check that this is the address of the game's API"
        )
    return f"{api.address} answers"


def _check_ready(api: ApiClient) -> str:
    state = api.readiness()
    if not state.get("ready"):
        raise NotAsExpected(f"no games can be played: {'; '.join(state.get('reasons', ()))}", "check the database")
    if state.get("degraded"):
        raise NotAsExpected(
            "; ".join(state["degraded"]), "run `rps sync`, then `rps reload`; a new product has to train first"
        )
    return "the store answers and every slot has its model"


def _check_key_series(api: ApiClient) -> str:
    samples = scrape(api)
    present = {name for name, _ in samples}
    absent = [name for name in KEY_SERIES if name not in present]
    if absent:
        raise NotAsExpected(
            f"GET /metrics lacks {', '.join(absent)}", "wait if rps_tallies_ready is 0; otherwise read the API's log"
        )
    return f"{len(samples)} samples, {len(KEY_SERIES)} key series among them"


def _check_known_points() -> str:
    wrong = [f"{game_id} round {no}" for game_id, no, points in KNOWN_POINTS if round_points(game_id, no) != points]
    if wrong:
        raise NotAsExpected(
            f"move values differ from the published ones: {', '.join(wrong)}", "do not roll out this build"
        )
    return "equal the published vectors; the games below compare the values of each round with the key of their game"


def play_test_games(api: ApiClient, attempt: int = 0) -> SimulationReport:
    """Play one test game with fixed moves against each opponent, and compare it with the rules."""
    plan = [PlannedGame(number, RANDOM_PLAYER, policy) for number, policy in enumerate(POLICIES)]
    return play_games(api.base_url, plan, seed=SEED + attempt, options=PlayOptions(player_kind="test"))


def _check_test_games(api: ApiClient, sleep: Callable[[float], None]) -> str:
    for attempt in range(ATTEMPTS):
        before = _counted_rounds(scrape(api))
        report = play_test_games(api, attempt)
        summary = _summarise(report)
        sleep(SCRAPE_PAUSE_SECONDS)
        moved = _counted_rounds(scrape(api)) - before
        if moved == 0:
            return f"{summary}; test games moved no counter"
        if moved != sum(outcome.rounds for outcome in report.outcomes):
            return f"{summary}; others play at the same time ({moved:g} rounds), so counters were not compared"
    raise NotAsExpected("test games move the counters of play", "statistics are distorted; report a bug")


def _summarise(report: SimulationReport) -> str:
    """Return a sentence about games that were played by the rules, with models after the opening.

    Raises:
        NotAsExpected: a game failed or did not end, or a bot played without its model.
    """
    if report.failed:
        raise NotAsExpected(
            "; ".join(report.problems) or f"{report.games_with('timeout')} games did not end", "read the API's log"
        )
    for outcome in report.outcomes:
        expected = {"gambit": OPENING_ROUNDS, "mlflow": outcome.rounds - OPENING_ROUNDS}
        if dict(outcome.sources) != {source: number for source, number in expected.items() if number}:
            sources = ", ".join(f"{number} {source}" for source, number in outcome.sources.items())
            raise NotAsExpected(
                f"{outcome.game.policy} played {sources}; expected {OPENING_ROUNDS} gambit rounds, then its models",
                "run `rps reload`; if that does not help, run `rps sync` and read the API's log",
            )
    rounds = ", ".join(f"{outcome.game.policy} {outcome.rounds}" for outcome in report.outcomes)
    return f"played to the end by the rules, rounds: {rounds}"


def _counted_rounds(samples: Samples) -> float:
    return sum(value for (name, _), value in samples.items() if name in ROUND_COUNTERS)


def _check_ledger(api: ApiClient) -> str:
    entries = api.get("/internal/promotion/history", limit=5)
    if not entries:
        return "readable, without an entry yet"
    newest = entries[0]
    return f"readable; the newest entry is {newest.get('decision')} of {newest.get('model_type')}"


def _check_aliases(services: ServiceSettings) -> str:
    registry = registered_models(services)
    empty = [str(slot) for slot in SLOTS if slot not in registry]
    if empty:
        raise NotAsExpected(f"without a version: {', '.join(empty)}", "run `rps train`, which fills all twelve")
    return f"all {len(registry)} have a version, {len({model.run_id for model in registry.values()})} runs"


def _check_served(api: ApiClient, services: ServiceSettings) -> str:
    served = api.served_models()
    faults = slot_differences(registered_models(services), served, "the API")
    if faults:
        raise NotAsExpected("\n".join(faults), "run `rps sync`: it updates the cache and reloads the API")
    return f"the same version in each of {len(served)} slots"


def _check_cache(storage: StorageSettings, services: ServiceSettings) -> str:
    cache = ModelCache.of(storage)
    index = cache.read_index()
    if index is None:
        raise NotAsExpected(f"{cache} has no index", "run `rps sync`, which writes it")
    faults = cache_faults(cache, index)
    with suppress(NotApplicable):
        faults += slot_differences(registered_models(services), models_by_slot(index.entries), "the cache")
    if faults:
        raise NotAsExpected("\n".join(faults), "run `rps sync`, which repairs the cache")
    return f"{len(index.entries)} markers, {len(index.run_ids)} runs, every hash matches"


def cache_faults(cache: ModelCache, index: CacheIndex) -> list[str]:
    """Return how the content of a cache differs from its own index."""
    markers = {f"{entry.run_id}/{MARKER_PREFIX}{entry.alias}": entry.marker for entry in index.entries}
    found = cache.markers()
    faults = [f"marker {path} is missing or different" for path in markers if found.get(path) != markers[path]]
    faults += [f"marker {path} belongs to no alias" for path in found if path not in markers]
    faults += [f"run {run_id} belongs to no alias" for run_id in sorted(cache.run_ids() - index.run_ids)]
    faults += [f"run {entry.run_id} differs from its hash" for entry in index.entries if not cache.holds(entry)]
    return faults
