"""The model endpoints: everyone can read what is served, operators can load and unload it."""

from typing import Annotated, Any

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from sqlalchemy import Engine

from rps_api.deprecation import SUCCESSOR
from rps_api.errors import NotFound
from rps_api.guards import requires_operator
from rps_api.inference.ab_stats import ab_stats
from rps_api.inference.comparison import compare_with_registry
from rps_api.inference.registry_fallback import configured_registry
from rps_api.inference.schemas import (
    AbStats,
    FamilyView,
    LoadReply,
    ReloadReply,
    SlotReloadReply,
    UnloadReply,
)
from rps_api.inference.served_models import ServedModels
from rps_api.inference.views import alias_stages, all_families, family_view, production_models, reload_reply, slot_view
from rps_api.problems import NO_SLOT, NO_STORE, problem
from rps_api.waiting import Threads
from rps_core.errors import UnknownModelSlot
from rps_core.game.families import ALIASES, FAMILIES, SLOTS, Slot, parse_alias, parse_family
from rps_core.settings import PlaySettings, ServiceSettings

FamilyName = Annotated[str, PathParameter(description="A family.", schema_extra={"enum": list(FAMILIES)})]
AliasName = Annotated[str, PathParameter(description="An alias.", schema_extra={"enum": list(ALIASES)})]
FamilyOrSlot = Annotated[
    str,
    PathParameter(
        description="A family, or one of its slots.",
        schema_extra={"enum": [*FAMILIES, *(str(slot) for slot in SLOTS)]},
    ),
]
Force = Annotated[bool, QueryParameter(name="force_reload", description="Also reload slots that hold a model.")]
BUSY = problem("Too many requests wait for the model cache. `Retry-After` is the number of seconds to wait.")
_BY_ALIAS = {SUCCESSOR: "/models"}


class ModelsController(Controller):
    """Reads are public; writes need the operators' token."""

    path = "/models"
    tags = ("models",)

    @get("/", sync_to_thread=False, operation_id="listModels")
    def list_models(self, served_models: NamedDependency[ServedModels]) -> dict[str, FamilyView]:
        """Return what each slot of each family serves."""
        return all_families(served_models)

    @get("/stages", sync_to_thread=False, operation_id="modelStages", deprecated=True, opt=_BY_ALIAS)
    def stages(self, served_models: NamedDependency[ServedModels]) -> dict[str, Any]:
        """Return the served aliases as the stages that they replaced."""
        return {"model_stages": alias_stages(served_models.snapshot)}

    @get("/production", sync_to_thread=False, operation_id="productionModels", deprecated=True, opt=_BY_ALIAS)
    def production(self, served_models: NamedDependency[ServedModels]) -> dict[str, Any]:
        """Return the models that serve the alias Production."""
        return {"production_models": production_models(served_models.snapshot)}

    @get(
        "/ab_test/stats",
        sync_to_thread=True,
        operation_id="abTestStats",
        summary="A/B games",
        responses={503: NO_STORE},
    )
    def ab_test_stats(self, play_settings: NamedDependency[PlaySettings], engine: NamedDependency[Engine]) -> AbStats:
        """Count games and the bot's wins by playing alias."""
        return ab_stats(play_settings, engine)

    @post("/reload", status_code=200, guards=[requires_operator], operation_id="reloadModels", responses={429: BUSY})
    async def reload(
        self,
        served_models: NamedDependency[ServedModels],
        service_settings: NamedDependency[ServiceSettings],
        loading: NamedDependency[Threads],
    ) -> ReloadReply:
        """Load the models that the cache index names; answers 200 even if slots fail, and `errors` lists them.

        A reload does not fill the cache: the asset graph does, and `rps sync` at once. The original's `sync_minio` is
        accepted and has no effect. `message` and `registry_differences` say whether a sync is due.
        """
        report = await loading.run(served_models.refresh, force=True)
        registry = configured_registry(service_settings)
        return reload_reply(report, await loading.run(compare_with_registry, report, registry))

    @post(
        "/reload/{model_type:str}/{alias:str}",
        status_code=200,
        guards=[requires_operator],
        operation_id="reloadSlot",
        responses={400: NO_SLOT, 429: BUSY},
    )
    async def reload_slot(
        self,
        model_type: FamilyName,
        alias: AliasName,
        served_models: NamedDependency[ServedModels],
        loading: NamedDependency[Threads],
    ) -> SlotReloadReply:
        """Reload one slot."""
        slot = Slot(parse_family(model_type), parse_alias(alias))
        report = await loading.run(served_models.refresh, only=frozenset({slot}), force=True)
        view = slot_view(slot, served_models.snapshot)
        message = reload_reply(report).message if view or not report.complete else f"the cache index has no {slot}"
        return SlotReloadReply(
            success=report.complete and view is not None,
            model_type=slot.family,
            alias=slot.alias,
            info=view,
            message=message,
        )

    @post(
        "/{model_type:str}/load",
        status_code=200,
        guards=[requires_operator],
        operation_id="loadFamily",
        responses={400: NO_SLOT, 429: BUSY},
    )
    async def load(
        self,
        model_type: FamilyName,
        served_models: NamedDependency[ServedModels],
        loading: NamedDependency[Threads],
        force_reload: Force = False,
    ) -> LoadReply:
        """Load the empty slots of a family; with `force_reload`, load all four again."""
        family = parse_family(model_type)
        wanted = frozenset(Slot(family, alias) for alias in ALIASES)
        missing = frozenset(slot for slot in wanted if slot not in served_models.snapshot.slots)
        report = await loading.run(served_models.refresh, only=wanted if force_reload else missing, force=True)
        view = family_view(family, served_models)
        loaded = {alias: held.version for alias, held in view.aliases.items() if held}
        return LoadReply(
            success=report.complete and bool(loaded),
            model_type=family,
            info={"aliases": loaded, **view.info},
            message=reload_reply(report).message,
        )

    @delete(
        "/{model_type:str}",
        status_code=200,
        guards=[requires_operator],
        operation_id="unloadModel",
        responses={404: problem("The model is not loaded or does not exist."), 429: BUSY},
    )
    async def unload(
        self, model_type: FamilyOrSlot, served_models: NamedDependency[ServedModels], loading: NamedDependency[Threads]
    ) -> UnloadReply:
        """Empty the slots of a family, or one slot (``family@alias``), until a load is requested."""
        emptied = await loading.run(served_models.unload, _slots_named(model_type))
        if not emptied:
            raise NotFound(f"{model_type} is not loaded")
        names = [str(slot) for slot in emptied]
        return UnloadReply(success=True, model_type=model_type, unloaded=names, message=f"unloaded {', '.join(names)}")


def _slots_named(text: str) -> frozenset[Slot]:
    family, at, alias = text.partition("@")
    try:
        parsed = parse_family(family)
        return frozenset(Slot(parsed, name) for name in ([parse_alias(alias)] if at else ALIASES))
    except UnknownModelSlot as error:
        raise NotFound(str(error)) from error


MODEL_HANDLERS = [ModelsController]
