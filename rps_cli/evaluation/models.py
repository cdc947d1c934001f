"""The models to evaluate: those that are served, or versions from the registry by name."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rps_cli.evaluation.recordings import Examples
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, Bundle, decode_bundle
from rps_core.cache import ModelCache
from rps_core.errors import RpsError
from rps_core.game.families import ALIASES, FAMILIES, Alias, Family, parse_family
from rps_core.settings import ServiceSettings, Settings, StorageSettings


class NoModel(RpsError):
    """No model can be evaluated."""


class EvaluatedModel(NamedTuple):
    """A model; `alias` is None if it was named and no alias holds it."""

    family: Family
    alias: Alias | None
    version: str
    bundle: Bundle

    def __str__(self) -> str:
        return f"{self.family}{f'@{self.alias}' if self.alias else ''} version {self.version}"

    @property
    def label(self) -> dict[str, str | None]:
        """The model in JSON."""
        return {"family": self.family, "alias": self.alias, "version": self.version}

    def probabilities(self, examples: Examples) -> npt.NDArray[np.float64]:
        """Return the probabilities of the moves before each round, float64 (n, 3)."""
        from rps_assets.training.onnx_export import predict_onnx

        return predict_onnx(self.bundle.onnx_bytes, examples.rows[self.bundle.manifest.contract_version])


def models_to_evaluate(settings: Settings, names: Sequence[str]) -> list[EvaluatedModel]:
    """Return the named versions, or the served models if none is named.

    Raises:
        NoModel: nothing is served, or a name cannot be used.
        RegistryError: a version does not exist, or has no bundle of this product.
        CacheError: the cache cannot be read.
        BundleError: a bundle is damaged, or of an unknown contract.
    """
    return named_models(settings.services, parse_names(names)) if names else served_models(settings.storage)


def served_models(storage: StorageSettings) -> list[EvaluatedModel]:
    """Return the models in the cache, in the order of the slots.

    Raises:
        NoModel: the cache is empty.
        CacheError: the cache cannot be read.
        BundleError: a bundle is damaged, or of an unknown contract.
    """
    cache = ModelCache.of(storage)
    index = cache.read_index()
    entries = sorted(
        index.entries if index else (), key=lambda entry: (FAMILIES.index(entry.family), ALIASES.index(entry.alias))
    )
    if not entries:
        raise NoModel(f"{cache} holds no model; run `rps train`, or name a version with --model family=version")
    return [EvaluatedModel(entry.family, entry.alias, entry.version, cache.read_bundle(entry)) for entry in entries]


def parse_names(names: Sequence[str]) -> list[tuple[Family, str]]:
    """Return the families and versions of names like ``xgboost=12``.

    Raises:
        NoModel: a name has another form.
        UnknownModelSlot: a family does not exist.
    """
    found = []
    for name in names:
        family, _, version = name.partition("=")
        if not version.strip().isdecimal():
            raise NoModel(f"--model {name[:60]!r} names no version; write it like xgboost=12")
        found.append((parse_family(family), version.strip()))
    return found


def named_models(services: ServiceSettings, names: Sequence[tuple[Family, str]]) -> list[EvaluatedModel]:
    """Return versions from the registry.

    Raises:
        RegistryError: a version does not exist, or has no bundle of this product.
        BundleError: a bundle is damaged, or of an unknown contract.
    """
    from rps_assets.serving.model_registry import ModelRegistry

    registry = ModelRegistry(services.mlflow_tracking_uri, credentials=services.mlflow_credentials)
    versions = [registry.require_servable(family, version) for family, version in names]
    slots = {(slot.family, found.version): slot.alias for slot, found in registry.aliased_versions().items()}
    models = []
    for found in versions:
        files = registry.download_model(found.run_id)
        bundle = decode_bundle(files[MANIFEST_FILE], files[MODEL_FILE])
        models.append(EvaluatedModel(found.family, slots.get((found.family, found.version)), found.version, bundle))
    return models
