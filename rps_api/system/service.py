"""Health of the components, as plain functions."""

import time
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from rps_api.clock import Clock
from rps_api.inference.served_models import ServedModels
from rps_api.inference.views import production_models
from rps_api.system.schemas import DetailedHealth, ModelState, Readiness
from rps_api.system.store_writes import StoreWrites
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import SLOTS
from rps_core.game.opponents import POLICIES
from rps_core.settings import PlaySettings
from rps_core.version import installed_version

API_VERSION = "2.0"


def store_fault(engine: Engine) -> str | None:
    """Return why the gameplay store cannot be used, or None."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT id FROM games LIMIT 1"))
    except SQLAlchemyError as error:
        return f"the gameplay store does not answer ({type(error).__name__})"
    return None


def model_degradations(served: ServedModels) -> list[str]:
    """Return one sentence per reason why a slot does not serve its model."""
    snapshot = served.snapshot
    empty = [str(slot) for slot in SLOTS if slot not in snapshot.slots]
    problem = served.cache_problem()
    found = [problem] if problem else []
    if empty:
        found.append(f"{len(empty)} of {len(SLOTS)} slots have no model; their games use uniform probabilities")
    found += [f"{slot}: {failure.reason}" for slot, failure in snapshot.failures.items()]
    return found


def readiness(engine: Engine, served: ServedModels, writes: StoreWrites) -> Readiness:
    """Return whether games can be played. Missing models degrade play but do not stop it."""
    fault = store_fault(engine) or writes.fault()
    unsure = writes.degradation()
    degraded = [*([unsure] if unsure else []), *model_degradations(served)]
    return Readiness(ready=fault is None, reasons=[fault] if fault else [], degraded=degraded)


def detailed_health(
    play: PlaySettings, engine: Engine, served: ServedModels, writes: StoreWrites, clock: Clock
) -> DetailedHealth:
    """Return the state of each component."""
    started = time.perf_counter()
    fault, degraded = store_fault(engine) or writes.fault(), model_degradations(served)
    components: dict[str, dict[str, Any]] = {
        "database": {"status": "unhealthy" if fault else "healthy", "kind": engine.dialect.name, "error": fault},
        "model_manager": {
            "status": "degraded" if degraded else "healthy",
            "loaded_models": [str(slot) for slot in served.snapshot.slots],
            "available_models": [str(slot) for slot in SLOTS],
            "ab_testing_enabled": play.enable_ab_testing,
            "problems": degraded,
        },
        "features": {
            "status": "healthy",
            "contract": str(CURRENT_CONTRACT),
            "feature_count": len(CURRENT_CONTRACT.columns),
        },
        "policies": {"status": "healthy", "available": list(POLICIES)},
    }
    status = "unhealthy" if fault else "degraded" if degraded else "healthy"
    return DetailedHealth(
        status=status,
        timestamp=clock().timestamp(),
        components=components,
        response_time_seconds=time.perf_counter() - started,
    )


def model_state(play: PlaySettings, served: ServedModels) -> ModelState:
    """Return the full state of the served models."""
    snapshot = served.snapshot
    return ModelState(
        loaded_models=[f"{slot} v{model.identity.version}" for slot, model in snapshot.slots.items()],
        available_models=[str(slot) for slot in SLOTS],
        model_usage={"last_source": served.last_source},
        ab_testing_enabled=play.enable_ab_testing,
        ab_split_ratio=play.ab_split_ratio,
        fallback_chain_active=play.force_model_fallbacks or len(snapshot.slots) < len(SLOTS),
        production_models=production_models(snapshot),
        replaced_models=[str(model) for model in snapshot.replaced.values()],
        unloaded_slots=sorted(str(slot) for slot in snapshot.unloaded),
        failures={
            str(slot): {
                "reason": failure.reason,
                "attempts": failure.attempts,
                "failed_at": failure.failed_at,
                "retry_at": failure.retry_at,
            }
            for slot, failure in snapshot.failures.items()
        },
        last_problem=served.last_problem,
    )


def version_view(play: PlaySettings, cache_url: str) -> dict[str, Any]:
    """Return the name, version and features of this service."""
    return {
        "api_version": API_VERSION,
        "version": installed_version(),
        "system": "RPS Quest",
        "description": "Value-based rock-paper-scissors whose opponents learn from every round",
        "features": {
            "ab_testing": play.enable_ab_testing,
            "model_fallback_chain": True,
            "feature_count": len(CURRENT_CONTRACT.columns),
            "feature_contract": {
                "name": CURRENT_CONTRACT.name,
                "version": CURRENT_CONTRACT.version,
                "digest": CURRENT_CONTRACT.digest,
            },
            "policies": list(POLICIES),
            "difficulty_modes": ["normal"],
        },
        "endpoints": {
            "game": ["/start_game", "/play", "/round_points", "/games/{game_id}", "/recent", "/policies"],
            "models": ["/models", "/models/reload", "/models/ab_test/stats"],
            "prediction": ["/predict", "/predict/batch", "/predict/context", "/predict/policies"],
            "health": ["/healthz", "/readyz", "/health/detailed", "/metrics", "/version"],
            "documentation": ["/docs", "/redoc", "/openapi.json"],
        },
        "deployment": {
            "type": "litestar",
            "config_method": "environment",
            "model_source": cache_url.partition("://")[0],
        },
    }
