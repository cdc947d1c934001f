"""Small real ONNX graphs and a model cache with them, without training."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.cache import CacheEntry, ModelCache
from rps_core.features.contract import CURRENT_CONTRACT, FeatureContract
from rps_core.game.families import REGISTERED_NAMES, SLOTS, Slot
from tests.builders.bundles import manifest

WRITTEN_AT = datetime(2026, 11, 2, tzinfo=UTC)
_FEATURES = len(CURRENT_CONTRACT.columns)
_ROUND_NO = CURRENT_CONTRACT.columns.index("round_no" if CURRENT_CONTRACT.predicts_steps else "step_no")


def expecting(move: int, confidence: float = 3.0) -> bytes:
    """Return a graph that always predicts one move (0 rock, 1 paper, 2 scissors)."""
    bias = [0.0, 0.0, 0.0]
    bias[move] = confidence
    return softmax_graph(np.zeros((_FEATURES, 3)), bias)


def reading_features(seed: int = 1, contract: FeatureContract = CURRENT_CONTRACT) -> bytes:
    """Return a graph whose output depends on all features of a contract."""
    weights = np.random.default_rng(seed).normal(0, 0.3, (len(contract.columns), 3))
    return softmax_graph(weights, [0.0, 0.0, 0.0])


def failing_from_round(round_no: int) -> bytes:
    """Return a graph whose output is NaN from a round on: the root of a number that is negative from then on."""
    step_weights = np.zeros((_FEATURES, 3))
    step_weights[_ROUND_NO] = -1.0
    nodes = [
        helper.make_node("Gemm", ["features", "weights", "bias"], ["distance"]),
        helper.make_node("Sqrt", ["distance"], ["rooted"]),
        helper.make_node("Softmax", ["rooted"], ["probabilities"], axis=1),
    ]
    return _graph(nodes, step_weights, [round_no - 0.5] * 3)


def of_two_classes() -> bytes:
    """Return a graph with two classes."""
    nodes = [helper.make_node("Gemm", ["features", "weights", "bias"], ["probabilities"])]
    return _graph(nodes, np.zeros((_FEATURES, 2)), [0.5, 0.5])


def softmax_graph(weights: np.ndarray, bias: Sequence[float]) -> bytes:
    """Return a graph that computes the softmax of a linear function of the features."""
    nodes = [
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return _graph(nodes, weights, bias)


def _graph(nodes: list[onnx.NodeProto], weights: np.ndarray, bias: Sequence[float]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(weights)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", weights.shape[1]])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(np.asarray(bias, np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class TestRegistry:
    """Versions with real graphs, and a model cache; `synchronise` plays the part of a promotion."""

    __test__ = False

    def __init__(self, url: str, storage_options: Mapping[str, object] | None = None) -> None:
        self.cache = ModelCache.open(url, storage_options)
        self.runs: dict[str, dict[str, bytes]] = {}

    @classmethod
    def in_folder(cls, folder: Path) -> "TestRegistry":
        """Return a registry whose cache is a local folder."""
        return cls(f"file://{folder}")

    def version(
        self, slot: Slot, number: int, graph: bytes, contract: FeatureContract = CURRENT_CONTRACT
    ) -> CacheEntry:
        """Register version `number` of the slot's family and return the entry that puts it there."""
        run_id = f"{number:032x}"
        described = encode_manifest(
            manifest(
                run_id=run_id,
                family=slot.family,
                registered_name=REGISTERED_NAMES[slot.family],
                trained_for=slot.alias,
                configuration_id=f"{slot.family}_c{number:02d}",
                model_sha256=sha256_hex(graph),
                contract_version=contract.version,
                contract_digest=contract.digest,
            )
        )
        self.runs[run_id] = {MODEL_FILE: graph, MANIFEST_FILE: described}
        return CacheEntry(
            family=slot.family,
            alias=slot.alias,
            registered_name=REGISTERED_NAMES[slot.family],
            version=str(number),
            run_id=run_id,
            manifest_sha256=sha256_hex(described),
            model_sha256=sha256_hex(graph),
        )

    def fill_all(
        self, first: int = 1, graph: bytes | None = None, contract: FeatureContract = CURRENT_CONTRACT
    ) -> list[CacheEntry]:
        """Fill the twelve slots with new versions and return the entries."""
        entries = [
            self.version(slot, first + number, graph or reading_features(first + number, contract), contract)
            for number, slot in enumerate(SLOTS)
        ]
        self.synchronise(entries)
        return entries

    def synchronise(self, entries: Sequence[CacheEntry]) -> None:
        """Make the cache hold exactly these entries."""
        self.cache.synchronise(entries, self.runs.__getitem__, WRITTEN_AT)
