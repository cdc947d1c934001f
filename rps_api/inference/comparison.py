"""How the registry differs from what a reload has loaded: the cache follows the registry at its next sync."""

from typing import NamedTuple

from rps_api.inference.registry_fallback import Registry
from rps_api.inference.served_models import RefreshReport
from rps_core.errors import RpsError
from rps_core.served_set import models_by_slot, slot_differences


class Comparison(NamedTuple):
    """A sentence about the registry, and one for each slot in which it differs; None if it was not compared."""

    summary: str
    differences: list[str] | None


def compare_with_registry(report: RefreshReport, registry: Registry | None) -> Comparison | None:
    """Compare the index that a refresh has used with the registry; None if the index came from there."""
    if report.cache_index is None or report.source != "cache":
        return None
    if registry is None:
        return Comparison("the registry was not compared, because MLFLOW_TRACKING_URI is not set here", None)
    try:
        held = registry.identities()
    except RpsError as error:
        return Comparison(f"the registry was not compared: {error}", None)
    differences = slot_differences(held, models_by_slot(report.cache_index.entries), "the cache")
    if not differences:
        return Comparison("the registry has the same", [])
    return Comparison(f"the registry differs in {len(differences)} slots, so a sync is due: `rps sync`", differences)
