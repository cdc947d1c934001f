"""The composition root of the API: builds the application from its parts and does nothing at import.

Run it with ``granian --interface asgi --factory rps_api.app:create_app``.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from random import Random, SystemRandom
from typing import Any, TypeAlias

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler
from sqlalchemy import Engine

from rps_api.analytics import ANALYTICS_HANDLERS
from rps_api.analytics.service import Statistics
from rps_api.capture import open_capture
from rps_api.clock import Clock, utc_now
from rps_api.connections import ConnectionGuard
from rps_api.errors import exception_handlers
from rps_api.games.controller import GAME_HANDLERS
from rps_api.games.service import GameService
from rps_api.garbage import sparse_garbage_collection
from rps_api.inference.lineage import LineageRecorder
from rps_api.inference.models_controller import MODEL_HANDLERS
from rps_api.inference.prediction_controller import PREDICTION_HANDLERS
from rps_api.inference.registry_fallback import configured_registry
from rps_api.inference.served_models import ModelSource, Refresher, ServedModels
from rps_api.limits import RateLimits
from rps_api.metrics import GameplayCollector
from rps_api.metrics.process import ServedModelsCollector, ServiceMetrics
from rps_api.middleware import EdgeMiddleware
from rps_api.observatory.controller import OBSERVATORY_HANDLERS
from rps_api.observatory.service import Observatory
from rps_api.openapi import openapi_config
from rps_api.promotion.by_hand import Exchanges
from rps_api.promotion.internal_controller import PROMOTION_HANDLERS
from rps_api.system.controller import SYSTEM_HANDLERS
from rps_api.system.store_writes import StoreWrites
from rps_api.ui import ui_handlers
from rps_api.waiting import Threads
from rps_core.cache import ModelCache
from rps_core.game.equilibrium import win_table
from rps_core.promotion.rules import rules_of
from rps_core.settings import Settings, load_settings
from rps_core.store import GameStore, PromotionLedger, open_engine, upgrade_store
from rps_core.store.group_commit import GroupCommit
from rps_core.store.lineage import ModelLineage
from rps_core.store.tallies import Tallies

Lifespan: TypeAlias = Callable[[Litestar], AbstractAsyncContextManager[None]]

# A slow cache must not delay the start any longer; games are then played without models until it answers.
FIRST_LOAD_SECONDS = 5.0


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock = utc_now,
    random: Random | None = None,
    engine: Engine | None = None,
    model_source: ModelSource | None = None,
    refresh_models: bool = True,
) -> Litestar:
    """Build the application; it connects to its stores when it starts.

    Args:
        settings: configuration; read from the environment by default.
        clock: returns the current time.
        random: draws value keys, opening gambits and the bot's moves, so it must be unpredictable in production; the
            system's random source by default.
        engine: gameplay database; by default it is opened from the settings and closed with the application.
        model_source: source of bundles; by default the model cache of the settings.
        refresh_models: whether a thread keeps the served models equal to the cache; tests refresh by hand.

    Raises:
        SettingsError, StoreError, CacheError: the configuration cannot work.
    """
    settings = settings or load_settings()
    store_engine = engine or open_engine(settings.storage.database_url, **settings.storage.engine_options)
    metrics = ServiceMetrics(settings.play)
    source = model_source or ModelCache.of(settings.storage)
    lineage = ModelLineage(store_engine)
    served = ServedModels(
        source,
        clock,
        backoff_seconds=settings.play.model_reload_backoff_seconds,
        fallback=configured_registry(settings.services),
        observers=(metrics, LineageRecorder(lineage, clock)),
    )
    since = settings.operations.metrics_since
    tallies = Tallies(store_engine, since=since, clock=clock)
    capture = open_capture(settings.operations, metrics.rounds_captured)
    guard = ConnectionGuard(settings.http)
    store, writes = GameStore(store_engine), StoreWrites(store_engine)
    commits = GroupCommit(writes.watching(store.write))
    for collector in (ServedModelsCollector(served), GameplayCollector(store_engine, tallies, clock=clock), writes):
        metrics.registry.register(collector)
    games = GameService(
        store,
        commits,
        lambda: served.snapshot,
        settings.play,
        settings.services,
        clock,
        random or SystemRandom(),
        capture,
    )
    ledger = PromotionLedger(store_engine)
    # A slow cache, database or scrape must not delay the probes, nor each other.
    threads = {"probes": Threads("probes", 2), "scrapes": Threads("scrapes", 1), "loading": Threads("loading", 1, 7)}
    app = Litestar(
        route_handlers=route_handlers(settings),
        dependencies=_provided(
            settings=settings,
            play_settings=settings.play,
            service_settings=settings.services,
            engine=store_engine,
            game_service=games,
            served_models=served,
            ledger=ledger,
            exchanges=Exchanges(settings.services, ledger),
            clock=clock,
            metrics=metrics,
            store_writes=writes,
            statistics=Statistics(store_engine, settings.play, since, clock, tallies),
            lineage=lineage,
            observatory=Observatory(
                store_engine,
                settings.play,
                since,
                rules_of(settings.promotion),
                timedelta(seconds=settings.training.training_interval_seconds),
                clock,
                tallies,
                served,
                source,
            ),
            **threads,
        ),
        exception_handlers=exception_handlers(),
        # Started in this order, stopped in reverse.
        lifespan=[
            _while_running(lambda: upgrade_store(store_engine), store_engine.dispose if engine is None else _nothing),
            # 20 ms now, and none in the first game.
            _while_running(win_table, _nothing),
            *([_refreshing(served, settings.play.model_refresh_seconds)] if refresh_models else []),
            _while_running(commits.start, commits.close),
            _while_running(tallies.start, tallies.close),
            *([_while_running(capture.start, capture.stop)] if capture else []),
            _while_running(guard.start, guard.stop),
            *(_while_running(_nothing, pool.stop) for pool in threads.values()),
            *([sparse_garbage_collection] if refresh_models else []),
        ],
        cors_config=_cors(settings.http.cors_origins),
        openapi_config=openapi_config(settings.http.root_path),
        request_max_body_size=settings.http.max_body_bytes,
        state=State(
            {
                "http_settings": settings.http,
                "public_predictions": settings.play.public_predictions,
                "rate_limits": RateLimits.of(settings.http),
            }
        ),
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = EdgeMiddleware(app.asgi_handler, metrics, guard.active, settings.http)
    return app


def route_handlers(settings: Settings) -> list[ControllerRouterHandler]:
    """Return every route of the application."""
    return [
        *GAME_HANDLERS,
        *ANALYTICS_HANDLERS,
        *PREDICTION_HANDLERS,
        *MODEL_HANDLERS,
        *PROMOTION_HANDLERS,
        *OBSERVATORY_HANDLERS,
        *SYSTEM_HANDLERS,
        *ui_handlers(settings.page, settings.services, settings.http.root_path, settings.play.choice_rules),
    ]


def _provided(**dependencies: Any) -> dict[str, Provide]:
    return {
        name: Provide(_constant(value), sync_to_thread=False, use_cache=True) for name, value in dependencies.items()
    }


def _constant(value: Any) -> Callable[[], Any]:
    def provide() -> Any:
        return value

    return provide


def _while_running(start: Callable[[], object], stop: Callable[[], object]) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        start()
        try:
            yield
        finally:
            stop()

    return lifespan


def _refreshing(served: ServedModels, interval_seconds: float) -> Lifespan:
    refresher = Refresher(served.refresh, interval_seconds)
    return _while_running(lambda: refresher.start(FIRST_LOAD_SECONDS), refresher.stop)


def _nothing() -> None:
    """Leave open what the caller has opened; some parts have nothing to stop."""


def _cors(origins: Sequence[str]) -> CORSConfig | None:
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"],
        expose_headers=["X-Request-ID"],
    )
