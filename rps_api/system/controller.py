"""Health, readiness, version, metrics and the addresses of the documentation."""

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
from rps_core.settings import Settings

# Litestar adds the charset itself.
_UNHEALTHY = "Games cannot be played. The body says why."
_PROMETHEUS_TEXT = "text/plain; version=1.0.0"


class SystemController(Controller):
    """How the service is."""

    tags = ("system",)

    @get("/healthz", sync_to_thread=False, operation_id="healthz", summary="Liveness")
    def healthz(self) -> Alive:
        """Answer that the process is alive; looks at nothing else."""
        return Alive(ok=True)

    @get(
        "/readyz",
        sync_to_thread=True,
        operation_id="readyz",
        summary="Readiness",
        responses={503: ResponseSpec(Readiness, description=_UNHEALTHY, generate_examples=False)},
    )
    def readyz(
        self,
        engine: NamedDependency[Engine],
        served_models: NamedDependency[ServedModels],
        store_writes: NamedDependency[StoreWrites],
    ) -> Response[Readiness]:
        """Answer whether games can be played; 503 with the reasons where not."""
        found = readiness(engine, served_models, store_writes)
        return Response(found, status_code=200 if found.ready else 503)

    @get(
        "/health/detailed",
        sync_to_thread=True,
        operation_id="detailedHealth",
        responses={503: ResponseSpec(DetailedHealth, description=_UNHEALTHY, generate_examples=False)},
    )
    def health_detailed(
        self,
        settings: NamedDependency[Settings],
        engine: NamedDependency[Engine],
        served_models: NamedDependency[ServedModels],
        store_writes: NamedDependency[StoreWrites],
        clock: NamedDependency[Clock],
    ) -> Response[DetailedHealth]:
        """Describe each component; 503 when the service cannot play."""
        found = detailed_health(settings, engine, served_models, store_writes, clock)
        return Response(found, status_code=503 if found.status == "unhealthy" else 200)

    @get("/version", sync_to_thread=False, operation_id="version")
    def version(self, settings: NamedDependency[Settings]) -> dict[str, Any]:
        """Say what this service is and offers."""
        return version_view(settings)

    @get("/metrics", sync_to_thread=True, include_in_schema=False)
    def metrics(self, metrics: NamedDependency[ServiceMetrics]) -> Response[bytes]:
        """Return the Prometheus series."""
        return Response(generate_latest(metrics.registry), media_type=_PROMETHEUS_TEXT)

    @get("/debug/model_state", sync_to_thread=False, guards=[requires_operator], operation_id="modelState")
    def debug_model_state(
        self, settings: NamedDependency[Settings], served_models: NamedDependency[ServedModels]
    ) -> ModelState:
        """Return everything that is known about the served set."""
        return model_state(settings, served_models)

    @get("/debug/counters", sync_to_thread=True, guards=[requires_operator], operation_id="counters")
    def debug_counters(self, metrics: NamedDependency[ServiceMetrics]) -> Counters:
        """Return every counter of `/metrics`, added up over its labels."""
        return Counters(status="ok", counters=metrics.counter_totals())

    @get("/openapi.json", sync_to_thread=False, include_in_schema=False, media_type=MediaType.JSON)
    def openapi(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Return the OpenAPI document where the original had it."""
        return openapi_document(request.app)

    @get("/redoc", sync_to_thread=False, include_in_schema=False)
    def redoc(self) -> Redirect:
        """Lead to the documentation."""
        return Redirect(DOCS_PATH)


SYSTEM_HANDLERS = [SystemController]
