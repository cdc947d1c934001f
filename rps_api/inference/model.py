"""One model in memory: an ONNX graph with its identity, run by onnxruntime in one thread."""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from rps_core.bundle import Bundle
from rps_core.bundle.graph import require_plain_graph
from rps_core.cache import CacheEntry
from rps_core.errors import BundleCorrupt, RpsError
from rps_core.features.rows import features_of_round
from rps_core.game.choice import Probabilities
from rps_core.game.families import Family, ModelIdentity
from rps_core.game.scoring import round_points

_INPUT, _OUTPUTS = "features", ["probabilities"]
NO_FOLDER = "/nonexistent"


FeatureRow: TypeAlias = npt.NDArray[np.float32]


def feature_row(features: list[float]) -> FeatureRow:
    """Convert features to the float32 (1, n) row that graphs read."""
    return np.array([features], dtype=np.float32)


class PredictionFailed(RpsError):
    """A model failed, or its answer is not a distribution over the three moves."""


class LoadedModel:
    """A model that is ready to predict; immutable, safe to share between threads.

    Attributes:
        family: family of the model.
        identity: its version and run.
        manifest: its dataset, configuration and metrics.
        contract: the features that it reads.
    """

    __slots__ = ("_session", "contract", "family", "identity", "manifest")

    def __init__(self, family: Family, identity: ModelIdentity, bundle: Bundle, session: Any) -> None:
        self.family = family
        self.identity = identity
        self.manifest = bundle.manifest
        self.contract = bundle.contract
        self._session = session

    def predict(self, features: FeatureRow) -> Probabilities:
        """Return the probabilities that the user plays rock, paper and scissors.

        Args:
            features: one row of the model's contract, float32 (1, n).

        Raises:
            PredictionFailed: the graph failed, or its answer is not a distribution over three moves.
        """
        try:
            values = self._session.run(_OUTPUTS, {_INPUT: features})[0].ravel().tolist()
        except Exception as error:
            # onnxruntime raises a dozen unrelated types, and the round must go on after each of them.
            raise PredictionFailed(f"{self} failed: {error}") from error
        # Comparisons with nan are false; a total of infinities is infinite.
        if len(values) != 3 or not min(values) >= 0 or not 0 < (total := math.fsum(values)) < math.inf:
            raise PredictionFailed(f"{self} answered {values[:4]}, which is not a distribution over three moves")
        return values[0] / total, values[1] / total, values[2] / total

    def __str__(self) -> str:
        return f"{self.manifest.registered_name} v{self.identity.version} (run {self.identity.run_id[:8]})"


def open_model(entry: CacheEntry, bundle: Bundle) -> LoadedModel:
    """Turn a checked bundle into a model and test it with one prediction.

    Raises:
        BundleCorrupt: the bytes are not an ONNX graph, the graph may do more than predict, or its inputs and outputs
            differ from the contract.
    """
    if bundle.manifest.family != entry.family or bundle.manifest.run_id != entry.run_id:
        raise BundleCorrupt(
            f"the bundle of {entry.marker} (run {entry.run_id}) holds {bundle.manifest.family} of run "
            f"{bundle.manifest.run_id}; run `rps sync`"
        )
    require_plain_graph(bundle.onnx_bytes)
    try:
        session = onnxruntime.InferenceSession(
            bundle.onnx_bytes, _session_options(), providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        # onnxruntime's errors share no base class; each means that these bytes cannot be served.
        raise BundleCorrupt(f"onnxruntime cannot run the graph of {entry.marker}: {error}") from error
    model = LoadedModel(entry.family, entry.identity, bundle, session)
    try:
        model.predict(feature_row(features_of_round(model.contract, [], round_points("probe", 1))))
    except PredictionFailed as error:
        raise BundleCorrupt(f"{entry.marker} fails to predict: {error}") from error
    return model


def _session_options() -> Any:
    options = onnxruntime.SessionOptions()
    # One row takes 20 µs: threads cost more than they gain, and spinning threads take a core from other processes.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Only the format that `require_plain_graph` has checked, and no files that the graph names.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NO_FOLDER)
    options.log_severity_level = 3
    return options
