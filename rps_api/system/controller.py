"""Health, readiness, version, metrics and the routes of the documentation."""

from typing import Any

from litestar import Controller, MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.response import Redirect
from prometheus_client import generate_latest
from sqlalchemy import Engine

from rps_api.clock import Clock
from rps_api.guards import requires_operator
from rps_api.inference.served_models import ServedModels
from rps_api.metrics.process import ServiceMetrics
from rps_api.openapi import DOCS_PATH, openapi_document
from rps_api.system.schemas import Alive, Counters, DetailedHealth, ModelState, Readiness
from rps_api.system.service import detailed_health, model_state, readiness, version_view
from rps_api.system.store_writes import StoreWrites
from rps_api.waiting import Threads
from rps_core.settings import PlaySettings, Settings

# Litestar adds the charset itself.
_UNHEALTHY = "Games cannot be played. The body says why."
_PROMETHEUS_TEXT = "text/plain; version=1.0.0"


class SystemController(Controller):
    """Health and version of the service."""

    tags = ("system",)

    @get("/healthz", sync_to_thread=False, operation_id="healthz", summary="Liveness")
    def healthz(self) -> Alive:
        """Report that the process is alive, without checking anything else."""
        return Alive(ok=True)

    @get(
        "/readyz",
        operation_id="readyz",
        summary="Readiness",
        responses={503: ResponseSpec(Readiness, description=_UNHEALTHY, generate_examples=False)},
    )
    async def readyz(
        self,
        engine: NamedDependency[Engine],
        served_models: NamedDependency[ServedModels],
        store_writes: NamedDependency[StoreWrites],
        probes: NamedDependency[Threads],
    ) -> Response[Readiness]:
        """Report whether games can be played; if not, 503 with the reasons."""
        found = await probes.run(readiness, engine, served_models, store_writes)
        return Response(found, status_code=200 if found.ready else 503)

    @get(
        "/health/detailed",
        operation_id="detailedHealth",
        responses={503: ResponseSpec(DetailedHealth, description=_UNHEALTHY, generate_examples=False)},
    )
    async def health_detailed(
        self,
        play_settings: NamedDependency[PlaySettings],
        engine: NamedDependency[Engine],
        served_models: NamedDependency[ServedModels],
        store_writes: NamedDependency[StoreWrites],
        clock: NamedDependency[Clock],
        probes: NamedDependency[Threads],
    ) -> Response[DetailedHealth]:
        """Report the state of each component; 503 if games cannot be played."""
        found = await probes.run(detailed_health, play_settings, engine, served_models, store_writes, clock)
        return Response(found, status_code=503 if found.status == "unhealthy" else 200)

    @get("/version", sync_to_thread=False, operation_id="version")
    def version(self, settings: NamedDependency[Settings]) -> dict[str, Any]:
        """Return the version and the features of this service."""
        return version_view(settings.play, settings.storage.cache_url)

    @get("/metrics", include_in_schema=False)
    async def metrics(
        self, metrics: NamedDependency[ServiceMetrics], scrapes: NamedDependency[Threads]
    ) -> Response[bytes]:
        """Return the Prometheus series."""
        return Response(await scrapes.run(generate_latest, metrics.registry), media_type=_PROMETHEUS_TEXT)

    @get("/debug/model_state", sync_to_thread=False, guards=[requires_operator], operation_id="modelState")
    def debug_model_state(
        self, play_settings: NamedDependency[PlaySettings], served_models: NamedDependency[ServedModels]
    ) -> ModelState:
        """Return the full state of the served models."""
        return model_state(play_settings, served_models)

    @get("/debug/counters", guards=[requires_operator], operation_id="counters")
    async def debug_counters(
        self, metrics: NamedDependency[ServiceMetrics], scrapes: NamedDependency[Threads]
    ) -> Counters:
        """Return every counter of `/metrics`, summed over its labels."""
        return Counters(status="ok", counters=await scrapes.run(metrics.counter_totals))

    @get("/openapi.json", sync_to_thread=False, include_in_schema=False, media_type=MediaType.JSON)
    def openapi(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Return the OpenAPI document, at the path of the original."""
        return openapi_document(request.app)

    @get("/redoc", sync_to_thread=False, include_in_schema=False)
    def redoc(self, settings: NamedDependency[Settings]) -> Redirect:
        """Redirect to the documentation."""
        return Redirect(settings.http.root_path + DOCS_PATH)


SYSTEM_HANDLERS = [SystemController]
