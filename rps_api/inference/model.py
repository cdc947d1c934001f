"""One model in memory: an ONNX graph, run by onnxruntime with one thread, with the identity it was loaded under."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from rps_core.bundle import Bundle, BundleManifest
from rps_core.bundle.graph import require_plain_graph
from rps_core.cache import CacheEntry
from rps_core.errors import BundleCorrupt, RpsError
from rps_core.features.history import features_from_history
from rps_core.game.choice import Probabilities
from rps_core.game.families import Family, ModelIdentity
from rps_core.game.scoring import round_points

_INPUT, _OUTPUTS = "features", ["probabilities"]
NO_FOLDER = "/nonexistent"


FeatureRow: TypeAlias = npt.NDArray[np.float32]


def feature_row(features: list[float]) -> FeatureRow:
    """Return 50 features as the float32 (1, 50) row that graphs read."""
    return np.array([features], dtype=np.float32)


class PredictionFailed(RpsError):
    """A model answered with something that is no distribution over the three moves."""


class LoadedModel:
    """A model that can predict; immutable, safe to share between threads.

    Attributes:
        family: family it belongs to.
        identity: version and run it was registered under.
        manifest: where it comes from: dataset, configuration, metrics.
    """

    __slots__ = ("_session", "family", "identity", "manifest")

    def __init__(self, family: Family, identity: ModelIdentity, manifest: BundleManifest, session: Any) -> None:
        self.family = family
        self.identity = identity
        self.manifest = manifest
        self._session = session

    def predict(self, features: FeatureRow) -> Probabilities:
        """Return the probabilities that the user plays rock, paper and scissors.

        Args:
            features: one row, float32 (1, 50).

        Raises:
            PredictionFailed: the graph failed, or its answer is no distribution over three moves.
        """
        try:
            values = self._session.run(_OUTPUTS, {_INPUT: features})[0].ravel().tolist()
        except Exception as error:
            # onnxruntime raises a dozen unrelated types; whatever it is, the round must go on.
            raise PredictionFailed(f"{self} failed: {error}") from error
        # A comparison with nan is false; the total of infinities is infinite.
        if len(values) != 3 or not min(values) >= 0 or not 0 < (total := math.fsum(values)) < math.inf:
            raise PredictionFailed(f"{self} answered {values[:4]}, which is no distribution over three moves")
        return values[0] / total, values[1] / total, values[2] / total

    def __str__(self) -> str:
        return f"{self.manifest.registered_name} v{self.identity.version} (run {self.identity.run_id[:8]})"


def open_model(entry: CacheEntry, bundle: Bundle) -> LoadedModel:
    """Turn a checked bundle into a model and ask it for one prediction before anybody relies on it.

    Raises:
        BundleCorrupt: the bytes are no ONNX graph, or one that may do more than predict, or it reads or returns
            something else than the contract says.
    """
    if bundle.manifest.family != entry.family or bundle.manifest.run_id != entry.run_id:
        raise BundleCorrupt(
            f"the bundle of run {entry.run_id} says it is {bundle.manifest.family} of run {bundle.manifest.run_id}, "
            f"not {entry.marker}; synchronise the cache again"
        )
    require_plain_graph(bundle.onnx_bytes)
    try:
        session = onnxruntime.InferenceSession(
            bundle.onnx_bytes, _session_options(), providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        # onnxruntime's errors share no base of their own; all mean that these bytes cannot be served.
        raise BundleCorrupt(f"{entry.marker} is no graph that onnxruntime can run: {error}") from error
    model = LoadedModel(entry.family, entry.identity, bundle.manifest, session)
    try:
        model.predict(feature_row(features_from_history([], round_points("probe", 1), 1)))
    except PredictionFailed as error:
        raise BundleCorrupt(f"{entry.marker} does not predict: {error}") from error
    return model


def _session_options() -> Any:
    options = onnxruntime.SessionOptions()
    # One row takes 20 µs: threads cost more than they bring, and spinning ones take a core from everybody else.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # No other format than the one that was looked into, and no file beside a graph from memory.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NO_FOLDER)
    options.log_severity_level = 3
    return options
