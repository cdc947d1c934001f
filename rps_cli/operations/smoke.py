"""The smoke test of a running system: what an operator wants to know after each roll-out, in one pass.

Plays one test game against each opponent. Test games count nowhere, so that this may be asked at any time.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from rps_cli.operations.findings import Look, NotApplicable, NotAsExpected
from rps_cli.operations.metrics import Samples, scrape
from rps_cli.operations.registry import registered
from rps_core.api_client import ApiClient
from rps_core.cache import MARKER_PREFIX, CacheIndex, ModelCache
from rps_core.game.families import SLOTS
from rps_core.game.gambits import OPENING_ROUNDS
from rps_core.game.opponents import POLICIES
from rps_core.game.scoring import Points, round_points
from rps_core.served_set import models_by_slot, slot_differences
from rps_core.settings import Settings
from rps_core.simulation.report import PlannedGame, SimulationReport
from rps_core.simulation.simulator import RANDOM_PLAYER, PlayOptions, play_games

SEED = 96
# Values of rock, paper and scissors that no release may change: stored games are scored with them.
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
# A scrape looks at the store once a second at most.
SCRAPE_PAUSE_SECONDS = 1.2


def smoke_steps(
    api: ApiClient, settings: Settings, *, api_only: bool = False, sleep: Callable[[float], None] = time.sleep
) -> Iterator[tuple[str, Look]]:
    """Return what to look at, in order.

    Args:
        api: the API to test.
        settings: say where registry and cache are.
        api_only: look neither at the registry nor at the cache.
        sleep: waits for the next scrape.
    """
    yield "alive", lambda: _alive(api)
    yield "ready", lambda: _ready(api)
    yield "key series", lambda: _key_series(api)
    yield "known round values", _known_points
    yield "games against all opponents", lambda: _test_games(api, sleep)
    yield "promotion ledger", lambda: _ledger(api)
    if not api_only:
        yield "12 aliases in the registry", lambda: _aliases(settings)
        yield "served models are the registry's", lambda: _served(api, settings)
        yield "model cache mirrors the registry", lambda: _cache(settings)


def _alive(api: ApiClient) -> str:
    if api.get("/healthz") != {"ok": True}:
        raise NotAsExpected(f"GET {api.base_url}/healthz did not answer ok", "is this address the game's API?")
    return f"{api.base_url} answers"


def _ready(api: ApiClient) -> str:
    found = api.readiness()
    if not found.get("ready"):
        raise NotAsExpected(f"no games can be played: {'; '.join(found.get('reasons', ()))}", "look at the database")
    if found.get("degraded"):
        raise NotAsExpected("; ".join(found["degraded"]), "`rps sync`, then `rps reload`; a new product first trains")
    return "the store answers and every slot has its model"


def _key_series(api: ApiClient) -> str:
    samples = scrape(api)
    present = {name for name, _ in samples}
    absent = [name for name in KEY_SERIES if name not in present]
    if absent:
        raise NotAsExpected(
            f"GET /metrics lacks {', '.join(absent)}", "rps_tallies_ready 0: wait; else see the API's log"
        )
    return f"{len(samples)} samples, {len(KEY_SERIES)} key series among them"


def _known_points() -> str:
    wrong = [f"{game_id} round {no}" for game_id, no, points in KNOWN_POINTS if round_points(game_id, no) != points]
    if wrong:
        raise NotAsExpected(
            f"other values than the published ones: {', '.join(wrong)}", "this build must not be rolled out"
        )
    return "equal the published vectors; the games below compare each round of the API with them"


def play_test_games(api: ApiClient, attempt: int = 0) -> SimulationReport:
    """Play one test game with fixed moves against each opponent, and judge it by the rules."""
    plan = [PlannedGame(number, RANDOM_PLAYER, policy) for number, policy in enumerate(POLICIES)]
    return play_games(api.base_url, plan, seed=SEED + attempt, options=PlayOptions(player_kind="test"))


def _test_games(api: ApiClient, sleep: Callable[[float], None]) -> str:
    said = ""
    for attempt in range(ATTEMPTS):
        before = scrape(api)
        report = play_test_games(api, attempt)
        said = _judged(report)
        sleep(SCRAPE_PAUSE_SECONDS)
        moved = _counted_rounds(scrape(api)) - _counted_rounds(before)
        if moved == 0:
            return f"{said}; test games moved no counter"
        if moved != sum(outcome.rounds for outcome in report.outcomes):
            said += f"; others play at the same time ({moved:g} rounds), so that counters were not compared"
            return said
    raise NotAsExpected("test games move the counters of play", "statistics are distorted: report a bug")


def _judged(report: SimulationReport) -> str:
    if report.failed:
        raise NotAsExpected(
            "; ".join(report.problems) or f"{report.games_with('timeout')} games did not end", "see the API's log"
        )
    for outcome in report.outcomes:
        expected = {"gambit": OPENING_ROUNDS, "mlflow": outcome.rounds - OPENING_ROUNDS}
        if dict(outcome.sources) != {source: number for source, number in expected.items() if number}:
            sources = ", ".join(f"{number} {source}" for source, number in outcome.sources.items())
            raise NotAsExpected(
                f"{outcome.game.policy} played {sources}; expected 3 gambit rounds and models after them",
                "`rps reload`; if it stays, `rps sync` and the API's log",
            )
    rounds = ", ".join(f"{outcome.game.policy} {outcome.rounds}" for outcome in report.outcomes)
    return f"played to the end by the rules, rounds: {rounds}"


def _counted_rounds(samples: Samples) -> float:
    return sum(value for (name, _), value in samples.items() if name in ROUND_COUNTERS)


def _ledger(api: ApiClient) -> str:
    entries = api.get("/internal/promotion/history", limit=5)
    if not entries:
        return "readable, without an entry yet"
    newest = entries[0]
    return f"readable; the newest entry is {newest.get('decision')} of {newest.get('model_type')}"


def _aliases(settings: Settings) -> str:
    held = registered(settings.services.mlflow_tracking_uri)
    empty = [str(slot) for slot in SLOTS if slot not in held]
    if empty:
        raise NotAsExpected(f"without a version: {', '.join(empty)}", "`rps train` fills all twelve")
    return f"all {len(held)} resolve, {len({model.run_id for model in held.values()})} runs"


def _served(api: ApiClient, settings: Settings) -> str:
    served = api.served_models()
    faults = slot_differences(registered(settings.services.mlflow_tracking_uri), served, "the API")
    if faults:
        raise NotAsExpected("\n".join(faults), "`rps sync`, which mirrors the registry and lets the API take over")
    return f"the same version in each of {len(served)} slots"


def _cache(settings: Settings) -> str:
    cache = ModelCache.open(settings.storage.cache_url, settings.storage.cache_storage_options)
    index = cache.read_index()
    if index is None:
        raise NotAsExpected(f"{cache} has no index", "`rps sync` writes it")
    faults = cache_faults(cache, index)
    with suppress(NotApplicable):
        registry = registered(settings.services.mlflow_tracking_uri)
        faults += slot_differences(registry, models_by_slot(index.entries), "the cache")
    if faults:
        raise NotAsExpected("\n".join(faults), "`rps sync` mends the cache")
    return f"{len(index.entries)} markers, {len(index.run_ids)} runs, every hash as promised"


def cache_faults(cache: ModelCache, index: CacheIndex) -> list[str]:
    """Return how a cache differs from what its own index promises."""
    markers = {f"{entry.run_id}/{MARKER_PREFIX}{entry.alias}": entry.marker for entry in index.entries}
    found = cache.markers()
    faults = [
        f"marker {path} is missing or says something else" for path in markers if found.get(path) != markers[path]
    ]
    faults += [f"marker {path} belongs to no alias" for path in found if path not in markers]
    faults += [f"run {run_id} belongs to no alias" for run_id in sorted(cache.run_ids() - index.run_ids)]
    faults += [f"run {entry.run_id} is not the promised one" for entry in index.entries if not cache.holds(entry)]
    return faults
