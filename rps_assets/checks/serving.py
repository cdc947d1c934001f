"""Checks of what is served: cache and API compared with the registry."""

import dagster as dg

from rps_assets.assets import keys
from rps_assets.checks.results import check_result
from rps_assets.resources.typed import Api, Cache, Registry
from rps_assets.serving.publication import servable_entries
from rps_core.served_set import models_by_slot


@dg.asset_check(
    asset=keys.MODEL_CACHE,
    name="holds_exactly_the_aliased_runs",
    description="The cache holds exactly the runs that the registry's aliases name, with the right markers. Each "
    "bundle has the registered hashes.",
)
def holds_exactly_the_aliased_runs(model_registry: Registry, model_cache: Cache) -> dg.AssetCheckResult:
    """Compare runs, markers, index and bytes."""
    entries, _ = servable_entries(model_registry.aliased_versions())
    index = model_cache.read_index()
    expected = {
        "runs": sorted({entry.run_id for entry in entries}),
        "markers": {f"{entry.run_id}/.alias_{entry.alias}": entry.marker for entry in entries},
        "index_slots": sorted(str(entry.slot) for entry in entries),
        "damaged_slots": [],
    }
    found = {
        "runs": sorted(model_cache.run_ids()),
        "markers": model_cache.markers(),
        "index_slots": sorted(str(entry.slot) for entry in index.entries if entry in entries) if index else [],
        "damaged_slots": [str(entry.slot) for entry in entries if not model_cache.holds(entry)],
    }
    differing = [name.replace("_", " ") for name in expected if expected[name] != found[name]]
    return check_result(
        expected == found,
        sentence=f"The cache holds {len(found['runs'])} runs for {len(entries)} slots; "
        + (f"it differs from the registry in {', '.join(differing)}." if differing else "it equals the registry."),
        expected=expected,
        found=found,
    )


@dg.asset_check(
    asset=keys.SERVED_MODELS,
    name="api_serves_the_registry",
    description="The API serves the registry's version in each slot.",
)
def api_serves_the_registry(model_registry: Registry, api: Api) -> dg.AssetCheckResult:
    """Compare slot by slot."""
    entries, _ = servable_entries(model_registry.aliased_versions())
    wanted, served = models_by_slot(entries), api.served_models()
    differing = [str(slot) for slot in sorted(wanted.keys() | served.keys()) if wanted.get(slot) != served.get(slot)]
    return check_result(
        wanted == served,
        sentence=f"The API serves the registry's version in {len(wanted) - len(differing)} of {len(wanted)} slots"
        f"{'; it differs in ' + ', '.join(differing) if differing else ''}.",
        expected={str(entry.slot): entry.version for entry in entries},
        found={str(slot): model.version for slot, model in served.items()},
    )


SERVING_CHECKS = [holds_exactly_the_aliased_runs, api_serves_the_registry]
